"""Frames of one's own in the place of names of datasets."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from narwhals.dependencies import is_into_dataframe

from recbole_metarec.conversion.dataset import convert
from recbole_metarec.conversion.options import OPTION_NAMES, make_options
from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.errors import UserError, noting

TARGET = "target"
"""Name of a target of which none is given."""

_COLUMNS = ("user", "item", "time")
_FIELDS = tuple(field for field in FIELDS if field != "item_id")
_KEYS = {"sources", *_COLUMNS, "rating", "items", "items_id", *_FIELDS, *OPTION_NAMES, "overwrite"}


def with_frames_written(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write frames that settings hold as datasets, and put their names in their place.

    Parameters
    ----------
    settings : mapping
        Those of a run; without a frame they stay as they are. ``dataset`` is a frame, or one by its name as in
        ``{"uk": frame}``, and ``sources`` are frames by their names. ``user``, ``item``, ``time``, ``rating``,
        ``items_id``, fields of items and `conversion.Options` are those of `conversion.convert`; ``items`` is a frame
        for all, or frames by the same names. ``data_path`` is the folder to write to, by default a new temporary one,
        which stays.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If anything is wrong with the frames: all of it.
    """
    dataset, sources = settings.get("dataset"), settings.get("sources")
    if sources is None and not is_into_dataframe(dataset) and not isinstance(dataset, Mapping):
        return dict(settings)
    problems = [
        f"{column}: is missing; name the column, as in {column}='{column}_id'"
        for column in _COLUMNS
        if not isinstance(settings.get(column), str)
    ]
    target = _target(dataset, problems)
    of_sources = _sources(settings, target, problems)
    changes = {key: settings[key] for key in OPTION_NAMES if key in settings}
    with noting(problems):
        make_options(**changes)
    if problems:
        raise UserError(problems)
    folder = Path(settings.get("data_path") or tempfile.mkdtemp(prefix="recbole-metarec-"))
    frames = {**target, **of_sources}
    for name, frame in frames.items():
        with noting(problems):
            _write(name, frame, folder, settings, changes)
    if problems:
        if not settings.get("data_path"):
            shutil.rmtree(folder)
        raise UserError(dict.fromkeys(problems))
    print(f"{', '.join(frames)}: written to {folder}", file=sys.stderr)
    left = {key: value for key, value in settings.items() if key not in _KEYS}
    if sources is not None:
        left["source_datasets"] = [*of_sources]
    if settings.get("time_unit") == "none":  # other units stand in the files as they are told
        left["time_unit"] = "none"
    (name,) = target
    return {**left, "dataset": name, "data_path": str(folder)}


def _target(dataset: Any, problems: list[str]) -> dict[str, Any]:
    if is_into_dataframe(dataset):
        return {TARGET: dataset}
    if isinstance(dataset, Mapping) and len(dataset) == 1 and _are_frames(dataset):
        return dict(dataset)
    problems.append("dataset: must be a frame, or one by its name as in {'uk': frame}, where sources are frames")
    return {}


def _sources(settings: Mapping[str, Any], target: Mapping[str, Any], problems: list[str]) -> dict[str, Any]:
    sources = settings.get("sources")
    if sources is None:
        return {}
    if not isinstance(sources, Mapping) or not _are_frames(sources):
        problems.append("sources: must be frames by their names, as in {'ca': frame, 'de': frame}")
        return {}
    if settings.get("source_datasets"):
        problems.append("source_datasets: is for datasets in data_path, sources for frames; leave one of them out")
    problems += [f"sources: {name} is the target; name other domains as sources" for name in sources if name in target]
    return dict(sources)


def _are_frames(frames: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and is_into_dataframe(frame) for name, frame in frames.items())


def _write(name: str, frame: Any, folder: Path, settings: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    items = settings.get("items")
    convert(
        frame,
        user=settings["user"],
        item=settings["item"],
        time=settings["time"],
        rating=settings.get("rating"),
        items=items.get(name) if isinstance(items, Mapping) and not is_into_dataframe(items) else items,
        items_id=settings.get("items_id"),
        fields={field: settings[field] for field in _FIELDS if settings.get(field)},
        output=folder / name,
        options=make_options(**changes),
        overwrite=bool(settings.get("overwrite")),
    )
