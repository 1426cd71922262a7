"""Splits that others published, as they are: UniSRec's folders, the Amazon-2023 benchmark's, texts of SASRec and P5.

Where only the order was kept, the timestamp is the position in the user's sequence. RecBole's leave-one-out takes the
same items for validation and test as the publishers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recbole_metarec.amazon.benchmark import find_parts, read_benchmark
from recbole_metarec.amazon.records import Row
from recbole_metarec.amazon.texts import read_sequences
from recbole_metarec.amazon.unisrec import Features, Folder, read_folder
from recbole_metarec.datasets.clean import clean_text
from recbole_metarec.datasets.output import Card, OutputFile, check_place, dataset_files, finish
from recbole_metarec.files import checksum

ORDER = "The publishers kept the order alone: timestamps are positions in the user's sequence, from 0."
TIMES = (
    "Timestamps are the publishers' own, in milliseconds; of the same time, training comes before validation and test. "
    "Of users with three interactions RecBole tests the last and validates none, of those with fewer neither: {} users."
)


def import_split(source: Path | str, name: str, *, output: Path | str = "dataset", overwrite: bool = False) -> Card:
    """Turn a published split into a dataset of its own.

    Parameters
    ----------
    source : path
        A folder as UniSRec publishes it (see `read_folder`), one of the Amazon-2023 benchmark (see `read_benchmark`),
        or a text of lines ``user item`` (SASRec) or ``user item item ...`` (P5, S3-Rec), oldest item first.
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
    imported, rows, folder = _read(source)
    card: Card = {
        "name": name,
        "imported": imported,
        "sources": [_source(path) for path in folder.sources],
        "counts": [{"step": "reading", **_counts(folder.sequences)}],
        "order": TIMES.format(sum(len(items) < 4 for items in folder.sequences.values())) if rows else ORDER,
    }
    suffixes = ["inter", *(["item"] if folder.texts else []), *(f"{kind}.npz" for kind in folder.features)]
    with dataset_files(output, name, suffixes, overwrite) as files:
        if rows:
            _write_rows(rows, files["inter"])
        else:
            _write_sequences(folder.sequences, files["inter"])
        if folder.texts:
            _write_texts(folder.sequences, folder.texts, files["item"])
        for kind, features in folder.features.items():
            _write_features(features, files[f"{kind}.npz"])
        return finish(files, name, card, _readme(card))


def _read(source: Path) -> tuple[str, list[Row], Folder]:
    """Tell what a source is, and read it: rows if there are times, sequences in any case."""
    if not source.is_dir():
        return "text of users and items", [], Folder(read_sequences(source), {}, {}, [source])
    if not find_parts(source):
        return "UniSRec folder", [], read_folder(source)
    rows, paths = read_benchmark(source)
    sequences: dict[str, list[str]] = {}
    for row in rows:
        sequences.setdefault(row.user, []).append(row.item)
    return "Amazon-2023 benchmark folder", rows, Folder(sequences, {}, {}, paths)


def _counts(sequences: dict[str, list[str]]) -> dict[str, int]:
    items = {item for sequence in sequences.values() for item in sequence}
    return {"users": len(sequences), "items": len(items), "interactions": sum(map(len, sequences.values()))}


def _write_rows(rows: Sequence[Row], file: OutputFile) -> None:
    file.write(b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n")
    for row in rows:
        file.write("\t".join(map(str, row)).encode() + b"\n")


def _write_sequences(sequences: dict[str, list[str]], file: OutputFile) -> None:
    file.write(b"user_id:token\titem_id:token\ttimestamp:float\n")
    for user, items in sequences.items():
        file.write("".join(f"{user}\t{item}\t{time}\n" for time, item in enumerate(items)).encode())


def _write_texts(sequences: dict[str, list[str]], texts: dict[str, str], file: OutputFile) -> None:
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
        f"A published split ({card['imported']}), made by `python -m recbole_metarec.amazon import`: "
        f"{counts['users']:,} users, {counts['items']:,} items, {counts['interactions']:,} interactions.",
        "",
        card["order"],
        "",
        "| source | bytes | sha256 |",
        "|---|--:|---|",
        *(f"| {source['file']} | {source['bytes']:,} | {source['sha256']} |" for source in card["sources"]),
    ]
