"""A split as UniSRec and its followers publish it: prefixes and targets, index files, texts and feature binaries.

Layout: https://github.com/RUCAIBox/UniSRec, dataset/preprocessing/process_amazon.py; that of ANT's texts and pictures:
https://github.com/ninglab/ANT, dataset/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recbole_metarec.errors import UserError

PARTS = ("train", "valid", "test")
COLUMNS = ("user_id:token", "item_id_list:token_seq", "item_id:token")
N_PROBLEMS = 10
# Pictures of an item in ANT's binaries, rows of 0 for those that it lacks.
N_PICTURES = 4


class Features(NamedTuple):
    """Vectors of items: ``items`` (n,) and ``vectors`` (n, width) float32."""

    items: list[str]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Folder:
    """What a published folder holds.

    Parameters
    ----------
    sequences : dict of str to list of str
        Items of each user, oldest first.
    texts : dict of str to str
        Text of each item, if the folder has them.
    features : dict of str to Features
        By kind, e.g. ``feat1CLS``.
    sources : list of Path
        The files that were read.
    """

    sequences: dict[str, list[str]]
    texts: dict[str, str]
    features: dict[str, Features]
    sources: list[Path]


class _Row(NamedTuple):
    number: int
    prefix: list[str]
    target: str


def read_folder(folder: Path) -> Folder:
    """Read a folder, and check that its rows describe one sequence for each user.

    Parameters
    ----------
    folder : Path
        Has ``<name>.train.inter``, ``.valid.inter`` and ``.test.inter``; ``<name>.item2index`` and ``.user2index``
        give the original identities, ``.text`` the texts and ``.feat*`` the vectors, float32 in index order. ANT's
        ``<name>_text_0.feat`` (float32) and ``<name>_img_0_4.feat`` (float64, four pictures an item) become ``text``
        and ``image``.

    Returns
    -------
    Folder
        With original identities if there are index files.

    Raises
    ------
    UserError
        If a file is missing or malformed, or rows contradict one another.
    """
    found = sorted(folder.glob("*.train.inter"))
    if len(found) != 1:
        raise UserError([f"{folder}: has {len(found)} files *.train.inter; give a folder with one"])
    base = found[0].with_name(found[0].name.removesuffix(".train.inter"))
    paths = {part: base.with_name(f"{base.name}.{part}") for part in ("item2index", "user2index", "text")}
    parts = {part: base.with_name(f"{base.name}.{part}.inter") for part in PARTS}
    items, users = (_read_index(paths[kind]) for kind in ("item2index", "user2index"))
    sequences = {
        users.get(user, user): [items.get(item, item) for item in sequence]
        for user, sequence in _read_sequences(parts).items()
    }
    binaries = sorted(folder.glob(f"{base.name}.feat*"))
    features = {path.name.removeprefix(f"{base.name}."): _read_features(path, items) for path in binaries}
    for kind, ending in (("text", "_text_0.feat"), ("image", f"_img_0_{N_PICTURES}.feat")):
        path = base.with_name(f"{base.name}{ending}")
        if path.exists():
            features[kind] = _read_features(path, items) if kind == "text" else _read_pictures(path, items)
            binaries.append(path)
    sources = [path for path in [*parts.values(), *paths.values(), *binaries] if path.exists()]
    return Folder(sequences, _read_texts(paths["text"], items), features, sources)


def _read_sequences(parts: dict[str, Path]) -> dict[str, list[str]]:
    rows = {part: _read_rows(path) for part, path in parts.items()}
    longest = max(len(row.prefix) for of_user in rows.values() for all_ in of_user.values() for row in all_)
    problems = []
    sequences = {}
    for user in rows["test"]:
        steps = _in_order(rows["train"].get(user, [])) + rows["valid"].get(user, []) + rows["test"][user]
        sequence = steps[0].prefix + [row.target for row in steps]
        for position, row in enumerate(steps, len(steps[0].prefix)):
            if row.prefix != sequence[max(position - longest, 0) : position]:
                problems.append(
                    f"{parts['test'].parent}: user {user!r}: the row of line {row.number} does not go on from"
                )
                problems[-1] += " those before it; the parts must hold every prefix of one sequence"
                break
        sequences[user] = sequence
    lost = sorted((rows["train"].keys() | rows["valid"].keys()) - rows["test"].keys())
    problems += [f"{parts['test']}: user {user!r} of the other parts has no row" for user in lost]
    if problems:
        more = [f"{parts['test'].parent}: {len(problems) - N_PROBLEMS} more"] if len(problems) > N_PROBLEMS else []
        raise UserError(problems[:N_PROBLEMS] + more)
    return sequences


def _in_order(rows: list[_Row]) -> list[_Row]:
    # UniSRec writes the newest target first
    newest_first = len(rows) > 1 and len(rows[0].prefix) >= len(rows[-1].prefix)
    return rows[::-1] if newest_first else rows


def _read_rows(path: Path) -> dict[str, list[_Row]]:
    rows: dict[str, list[_Row]] = {}
    lines = _lines(path)
    if next(lines, "").split("\t") != list(COLUMNS):
        raise UserError([f"{path}: line 1 must be {' '.join(COLUMNS)}, separated by tabs"])
    for number, line in enumerate(lines, 2):
        columns = line.split("\t")
        if len(columns) != len(COLUMNS) or not all(columns):
            raise UserError([f"{path}: line {number}: must have {len(COLUMNS)} columns, none of them blank"])
        user, prefix, target = columns
        rows.setdefault(user, []).append(_Row(number, prefix.split(), target))
    if not rows:
        raise UserError([f"{path}: no rows below line 1"])
    return rows


def _read_index(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    index = {}
    for number, line in enumerate(_lines(path), 1):
        name, tab, position = line.rpartition("\t")
        if not tab:
            raise UserError([f"{path}: line {number}: must be an identity, a tab and an index"])
        index[position] = name
    return index


def _read_texts(path: Path, items: dict[str, str]) -> dict[str, str]:
    if not path.exists():
        return {}
    texts = {}
    for line in _lines(path):
        item, tab, text = line.partition("\t")
        if tab and item != "item_id:token":
            texts[items.get(item, item)] = text
    return texts


def _read_features(path: Path, items: dict[str, str], dtype: type[np.floating[Any]] = np.float32) -> Features:
    size = np.dtype(dtype).itemsize
    order = sorted(items, key=int) if all(position.isdecimal() for position in items) else []
    if not order or path.stat().st_size % (size * len(order)):
        raise UserError(
            [
                f"{path}: {path.stat().st_size} bytes are not {np.dtype(dtype).name} vectors of the {len(order)} "
                "indexed items"
            ]
        )
    values = np.fromfile(path, dtype).reshape(len(order), -1)
    return Features([items[position] for position in order], values.astype(np.float32))


def _read_pictures(path: Path, items: dict[str, str]) -> Features:
    """Average the pictures that are there; items without any are left out."""
    order, values = _read_features(path, items, np.float64)
    if values.shape[1] % N_PICTURES:
        raise UserError([f"{path}: {values.shape[1]} values an item are not the vectors of {N_PICTURES} pictures"])
    pictures = values.reshape(len(order), N_PICTURES, -1)
    counts = pictures.any(2).sum(1)
    mean = pictures.sum(1)[counts > 0] / counts[counts > 0, None]
    return Features([item for item, count in zip(order, counts, strict=True) if count], mean)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.strip():
                    yield line.rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError([f"{path}: cannot be read: {error}"]) from None
