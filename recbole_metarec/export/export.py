"""A trained model as a folder of files."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from recbole_metarec.domains.clock import DAY, date_of, days
from recbole_metarec.export.encoder import encoder_onnx
from recbole_metarec.export.evidence import evidence_arrays
from recbole_metarec.export.index import DaysQuestions, NeighbourIndex, recall, sample
from recbole_metarec.export.items import item_arrays, write_parquet
from recbole_metarec.export.parts import check_names, choose
from recbole_metarec.files import whole_file
from recbole_metarec.inference.recommender import Recommender, load
from recbole_metarec.inspection.card import card
from recbole_metarec.training import checkpoint
from recbole_metarec.training.form import named_when_damaged

FORMAT = "recbole_metarec.export/1"

# Sequences on which an index is tried.
_SAMPLED = 200

_Write = Callable[[BinaryIO], object]


def export(
    path: Path, folder: Path, what: Sequence[str] | None = None, at: float | None = None
) -> Iterator[tuple[Path, str]]:
    """Write a trained model as files of open formats.

    Parameters
    ----------
    path : Path
        A checkpoint.
    folder : Path
        Where the files go; those of the same names are replaced, each whole or not at all.
    what : sequence of str, optional
        Which of `PARTS`; by default all that the model has and that libraries are there for.
    at : float, optional
        Time (seconds since 1970) on whose day evidence answers; now by default.

    Yields
    ------
    Path, str
        Each file and what is to say of it, as soon as it is there; ``settings.json``, which says how they go together,
        is the last.

    Raises
    ------
    UserError
        If there is no such part, the model has none, or a library is missing.
    """
    check_names(["hub"] if what is None else what)
    rec = load(path)
    chosen = choose(rec, what)
    day = int(days(np.array(time.time() if at is None else at)))
    about, arrays = evidence_arrays(rec.scorer, day)
    for name, write in _files(rec, path, chosen, arrays):
        yield _written(folder / name, write)
    settings = _settings(rec, day, about)
    if "index" in chosen:
        questions = DaysQuestions(rec.scorer, day)
        index = NeighbourIndex(questions.vectors)
        share = recall(questions, index, sample(rec.scorer, day, _SAMPLED))
        said = f"Recall@10 {share:.4f} against exact answers to {_SAMPLED} drawn sequences"
        settings["index"] = {"columns": questions.columns, "recall@10": share}
        yield _written(folder / "index.usearch", lambda file: file.write(index.save()), said)
    yield _written(folder / "settings.json", partial(_write_json, settings))


def _files(
    rec: Recommender, path: Path, chosen: Sequence[str], evidence: dict[str, Any]
) -> Iterator[tuple[str, _Write]]:
    if "encoder" in chosen:
        yield "encoder.onnx", lambda file: file.write(encoder_onnx(rec.scorer.encoder))
    if "items" in chosen:
        yield "items.npz", lambda file: np.savez(file, **item_arrays(rec, "items"))
        yield "items.parquet", partial(write_parquet, rec, "items")
    if "codes" in chosen:
        yield "codes.npz", lambda file: np.savez(file, **item_arrays(rec, "codes"))
        yield "codes.parquet", partial(write_parquet, rec, "codes")
    if "evidence" in chosen:
        yield "evidence.npz", lambda file: np.savez(file, **evidence)
    if "hub" in chosen:
        name = f"model{path.suffix}"
        yield name, partial(_copy, path)
        with named_when_damaged(path):
            text = card(checkpoint.load(path), name)
        yield "README.md", lambda file: file.write(text.encode())


def _settings(rec: Recommender, day: int, about: dict[str, Any]) -> dict[str, Any]:
    encoder = rec.scorer.encoder
    return {
        "format": FORMAT,
        "name": rec.name,
        "max_length": encoder.max_length,
        "widths": encoder.widths,
        "day": day,
        "date": date_of(day * DAY),
        "evidence": about,
    }


def _copy(path: Path, file: BinaryIO) -> None:
    with path.open("rb") as source:
        shutil.copyfileobj(source, file)


def _write_json(value: dict[str, Any], file: BinaryIO) -> None:
    file.write(json.dumps(value, indent=1, allow_nan=False).encode())


def _written(path: Path, write: _Write, said: str = "") -> tuple[Path, str]:
    with whole_file(path) as file:
        write(file)
    return path, f"{path.stat().st_size:,} bytes" + (f", {said}" if said else "")
