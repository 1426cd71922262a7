"""Splits that others published, as they are: UniSRec's folders and the texts of SASRec and P5.

Both keep only the order, so the timestamp is the position in the user's sequence. RecBole's leave-one-out then takes
the same items for validation and test as the publishers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recbole_metarec.data.amazon.clean import clean_text
from recbole_metarec.data.amazon.output import Card, OutputFile, check_place, dataset_files, finish
from recbole_metarec.data.amazon.unisrec import Features, Folder, read_folder
from recbole_metarec.errors import UserError
from recbole_metarec.files import checksum

Sequences = dict[str, list[str]]
"""Items of each user, oldest first."""

ORDER = "The publishers kept the order alone: timestamps are positions in the user's sequence, from 0."


def import_split(source: Path | str, name: str, *, output: Path | str = "dataset", overwrite: bool = False) -> Card:
    """Turn a published split into a dataset of its own.

    Parameters
    ----------
    source : path
        A folder as UniSRec publishes it (see `read_folder`), or a text of lines ``user item`` (SASRec) or
        ``user item item ...`` (P5, S3-Rec), oldest item first.
    name : str
        Name of the dataset.
    output : path
        Folder of the datasets; besides ``.inter`` there is ``.item`` if the source has texts, and ``.<kind>.npz`` with
        ``item_id`` (n,) and ``vector`` (n, width) float32 for each of its feature files.
    overwrite : bool
        Whether to replace files that this package did not write.

    Returns
    -------
    dict
        The card.

    Raises
    ------
    UserError
        If something is missing or the rows do not fit together; nothing is written then.
    """
    source, output = Path(source), Path(output)
    check_place(output, name, overwrite)
    folder = read_folder(source) if source.is_dir() else Folder(read_sequences(source), {}, {}, [source])
    card: Card = {
        "name": name,
        "imported": "UniSRec folder" if source.is_dir() else "text of users and items",
        "sources": [_source(path) for path in folder.sources],
        "counts": [{"step": "reading", **_counts(folder.sequences)}],
        "order": ORDER,
    }
    suffixes = ["inter", *(["item"] if folder.texts else []), *(f"{kind}.npz" for kind in folder.features)]
    with dataset_files(output, name, suffixes, overwrite) as files:
        _write_sequences(folder.sequences, files["inter"])
        if folder.texts:
            _write_texts(folder.sequences, folder.texts, files["item"])
        for kind, features in folder.features.items():
            _write_features(features, files[f"{kind}.npz"])
        return finish(files, name, card, _readme(card))


def read_sequences(path: Path) -> Sequences:
    """Read a text of lines ``user item`` or ``user item item ...``.

    Parameters
    ----------
    path : Path
        The text; a user's lines follow one another in time.

    Returns
    -------
    dict of str to list of str
        Items of each user, oldest first, users in the order of their first lines.

    Raises
    ------
    UserError
        If there is no such text, or a line has no item.
    """
    sequences: Sequences = {}
    problems = []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError([f"{path}: cannot be read: {error}; give a folder or a text of `user item item ...`"]) from None
    for number, line in enumerate(lines, 1):
        user, *items = line.split() or [""]
        if items:
            sequences.setdefault(user, []).extend(items)
        elif user:
            problems.append(f"{path}: line {number}: {user[:40]!r} alone; write `user item item ...`")
    if not sequences and not problems:
        problems.append(f"{path}: no lines of `user item item ...`")
    if problems:
        more = [f"{path}: {len(problems) - 5} more such lines"] if len(problems) > 5 else []
        raise UserError(problems[:5] + more)
    return sequences


def _counts(sequences: Sequences) -> dict[str, int]:
    items = {item for sequence in sequences.values() for item in sequence}
    return {"users": len(sequences), "items": len(items), "interactions": sum(map(len, sequences.values()))}


def _write_sequences(sequences: Sequences, file: OutputFile) -> None:
    file.write(b"user_id:token\titem_id:token\ttimestamp:float\n")
    for user, items in sequences.items():
        file.write("".join(f"{user}\t{item}\t{time}\n" for time, item in enumerate(items)).encode())


def _write_texts(sequences: Sequences, texts: dict[str, str], file: OutputFile) -> None:
    file.write(b"item_id:token\ttitle:token_seq\n")
    # RecBole drops the interactions of items that have no line
    for item in dict.fromkeys([*texts, *(item for sequence in sequences.values() for item in sequence)]):
        file.write(f"{item}\t{clean_text(texts.get(item))}\n".encode())


def _write_features(features: Features, file: OutputFile) -> None:
    # savez stamps no time of writing, so the bytes are the same every time
    buffer = io.BytesIO()
    np.savez(buffer, item_id=np.array(features.items), vector=features.vectors)
    file.write(buffer.getvalue())


def _source(path: Path) -> dict[str, object]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": checksum(path)}


def _readme(card: Card) -> Sequence[str]:
    counts = card["counts"][0]
    return [
        f"# {card['name']}",
        "",
        f"A published split ({card['imported']}), made by `python -m recbole_metarec.data.amazon import`: "
        f"{counts['users']:,} users, {counts['items']:,} items, {counts['interactions']:,} interactions.",
        "",
        card["order"],
        "",
        "| source | bytes | sha256 |",
        "|---|--:|---|",
        *(f"| {source['file']} | {source['bytes']:,} | {source['sha256']} |" for source in card["sources"]),
    ]
