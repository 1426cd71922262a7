"""The files that settings name, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from recbole_metarec.amazon.vintages import made_by
from recbole_metarec.configuration.columns import (
    KEY_FIELDS,
    column_problems,
    find_files,
    header_of,
    named,
    read_headers,
)
from recbole_metarec.configuration.recbole_source import models_with_knowledge_graph, sequential_models
from recbole_metarec.configuration.rules import problem_of
from recbole_metarec.domains.embedded import EXTENTS, HEADERS, PREFIX, is_to_be_made
from recbole_metarec.domains.header import read_header, require_fields
from recbole_metarec.errors import UserError, nearest
from recbole_metarec.models import SPECS, can_transfer
from recbole_metarec.settings.features import FeatureSettings
from recbole_metarec.settings.kinds import listed
from recbole_metarec.settings.protocol import points_of

if TYPE_CHECKING:
    from recbole_metarec.domains.clock import Times
    from recbole_metarec.domains.stored import Source, StoredInteractions

DATA_KEYS = {"dataset", "data_path", "source_datasets", "field_separator", "encoding", "benchmark_filename"}
"""Settings without which no file can be found and read."""
DATA_KEYS |= {*KEY_FIELDS, "load_col", "unload_col", "additional_feat_suffix", "LIST_SUFFIX", "interaction_cache"}

# Settings that count items, and may not exceed a catalogue.
_AT_MOST_ITEMS = ("topk", "reranker_CAN_NUM")
# What RecBole's models with a knowledge graph need vectors for, if that is not the entities alone.
_NEED_VECTORS = {"KSR": ("ent_id", "rel_id")}


def data_problems(effective: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """Check the target, and the sources of a model that transfers.

    Parameters
    ----------
    effective : mapping
        All settings of a run; `DATA_KEYS` follow their rules.
    settings : mapping
        Those that the user set.

    Yields
    ------
    str
        One line for each problem.
    """
    target, ours = effective["dataset"], effective["model"] in SPECS
    sources = list(effective["source_datasets"] or []) if can_transfer(effective["model"]) else []
    if target in sources:
        yield f"--source_datasets: {target} is the target; name other domains as sources"
    for name in sorted({name for name in sources if sources.count(name) > 1}):
        yield f"--source_datasets: {name} stands there twice; name it once"
    if effective["benchmark_filename"] and ours:
        model = effective["model"]
        yield f"--benchmark_filename: {model} needs whole sequences; give one .inter file and leave this out"
        return
    check: Callable[..., Iterator[str]] = _split_problems if effective["benchmark_filename"] else _domain_problems
    for name in dict.fromkeys([target, *sources]):
        try:
            yield from check(Path(effective["data_path"]), name, effective, settings)
        except UserError as error:
            yield from error.problems


def _domain_problems(root: Path, name: str, effective: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    is_target, ours = name == effective["dataset"], effective["model"] in SPECS
    # leave-one-out takes two items of the target, and one to start from is no training for MetaRec
    by_time = points_of(effective) is not None
    needed = 2 if not is_target or by_time else 4 if ours else 3
    user, item, time = (effective[key] for key in KEY_FIELDS)
    separator, encoding = effective["field_separator"], effective.get("encoding") or "utf-8"
    path = _inter_file(root, name)
    header = header_of(path, separator, encoding)
    kinds = {user: "token", item: "token", time: "float"}
    wrong = [
        f"{path}: line 1: field {field!r} is of type {header[field]}, write {field}:{kind}"
        for field, kind in kinds.items()
        if header.get(field, kind) != kind
    ]
    if wrong:
        raise UserError(wrong)
    yield from _column_problems(root, name, effective, settings)
    found = _contents(path, [user, item, time], separator, encoding, effective["interaction_cache"], is_target)
    yield from _clock_problems(path, found.times, effective, is_target)
    if found.longest < needed:
        yield (
            f"{path}: no sequence is long enough: the longest has {found.longest} interactions, "
            f"{'a target' if is_target else 'a source'} needs users with {needed}; choose another dataset"
        )
    elif is_target:
        for key in _AT_MOST_ITEMS:
            numbers = [k for k in listed(effective.get(key)) if isinstance(k, int)]
            if numbers and max(numbers) > found.n_items:
                yield f"--{key}={effective[key]}: {name} has {found.n_items} items only; write a smaller number"
    if _reads_features(effective) and not is_to_be_made(path):
        from recbole_metarec.features.item_files import ItemFiles
        from recbole_metarec.features.items import read_items

        read_items(ItemFiles(root, item, separator, encoding), name, FeatureSettings.of(effective))


def _clock_problems(path: Path, times: Times | None, effective: Mapping[str, Any], is_target: bool) -> Iterator[str]:
    """Check that timestamps are of one unit, and are times where a setting of the target needs to know the clock."""
    if not _is_sound(effective, "time_unit") or (times is None and effective["time_unit"] != "none"):
        return
    import numpy as np

    from recbole_metarec.domains.clock import find_clock

    clock = find_clock(np.empty(0) if times is None else times, effective["time_unit"])
    if clock.problem:
        yield f"{path}: {clock.problem}"
    elif clock.unit is None and is_target:
        needs = [f"--eval_args: a split by time ({points_of(effective)})"] * (points_of(effective) is not None)
        needs += ["--known_items=True:"] * bool(effective["known_items"])
        for setting in needs:
            yield f"{setting} needs times, but timestamps of {path} are {clock.what}; leave it out, or say --time_unit"


def _reads_features(effective: Mapping[str, Any]) -> bool:
    """Whether a model reads features, and the settings of features are what they must be."""
    spec = SPECS.get(effective["model"])
    if spec is None or not spec.reads_features(effective):
        return False
    return all(_is_sound(effective, key) for key in FeatureSettings.model_fields)


def _is_sound(effective: Mapping[str, Any], key: str) -> bool:
    return problem_of(effective["model"], key, effective[key]) is None


def _column_problems(root: Path, name: str, effective: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """Check the columns that are loaded, of a source those that filters ask for."""
    is_target = name == effective["dataset"]
    keys = effective if is_target else {"val_interval", "field_separator", "encoding"} & effective.keys()
    sound = {key: effective[key] for key in keys if _is_sound(effective, key)}
    chosen = is_target and settings.get("load_col") is not None
    if chosen or any(named(sound)):
        files = find_files(root, name, sound)
        yield from column_problems(files, read_headers(files, sound), sound, chosen)
    if is_target:
        yield from _kept_problems(sound, settings)
        yield from _file_problems(root, name, sound)


def _kept_problems(effective: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    keys = [effective[key] for key in KEY_FIELDS]
    load = settings.get("load_col")
    if load is not None and load.get("inter") != "*" and (left := set(keys) - {*(load.get("inter") or ())}):
        yield f"--load_col: needs {', '.join(sorted(left))} in inter, as in {{inter: [{', '.join(keys)}]}}"
    unload = effective.get("unload_col") or {}
    for suffix in sorted({*unload} & {*(load or ())}):
        yield f"--unload_col: {suffix} stands in load_col, too; leave it out of one of them"
    for key, needed in (("unload_col", keys), ("unused_col", keys[:2])):
        for column in set(needed) & {*(effective.get(key) or {}).get("inter", ())}:
            yield f"--{key}: {column} is needed; leave it out"
    for column in set(keys) & {*(effective.get("threshold") or ())}:
        yield f"--threshold: {column} is needed, RecBole puts labels in place of it; name another column"


def _file_problems(root: Path, name: str, effective: Mapping[str, Any]) -> Iterator[str]:
    """Check the files beside ``.inter`` that settings or a model of RecBole need."""
    model, stem = effective["model"], root / name / name
    for ending in listed(effective.get("additional_feat_suffix") or []):
        if not stem.with_name(f"{name}.{ending}").is_file():
            yield f"--additional_feat_suffix: {model} needs {stem}.{ending}, which is not there"
    if model not in models_with_knowledge_graph():
        return
    missing = [f"{stem}.{ending}" for ending in ("kg", "link") if not stem.with_name(f"{name}.{ending}").is_file()]
    if missing:
        yield f"--model={model}: needs a knowledge graph, {' and '.join(missing)}, which is not there"
    for column in _NEED_VECTORS.get(model, ("ent_id",)):
        if column not in (effective.get("preload_weight") or {}):
            yield f"--preload_weight: {model} needs vectors for {column}, as in {{{column}: {column[:3]}_emb}}"


def _split_problems(root: Path, name: str, effective: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[str]:
    """Check files that are split already, each row with the list of items before it if the model is sequential."""
    folder = root / name
    paths = [folder / f"{name}.{part}.inter" for part in effective["benchmark_filename"]]
    separator, encoding = effective["field_separator"], effective.get("encoding") or "utf-8"
    headers = [read_header(path, separator, encoding) for path in paths]
    user, item = effective["USER_ID_FIELD"], effective["ITEM_ID_FIELD"]
    needed, before = [user, item], f"{item}{effective['LIST_SUFFIX']}"
    is_sequential = effective["model"] in sequential_models()
    if is_sequential:
        needed.insert(1, before)
    for path, header in zip(paths, headers, strict=True):
        for column in (column for column in needed if column not in header):
            yield f"{path}: field {column!r} is missing; line 1 has {', '.join(header)}"
    if is_sequential and before not in (effective["alias_of_item_id"] or ()):
        yield f"--alias_of_item_id: {before} holds items, too; write [{before}]"
    load = effective["load_col"]
    left = [column for column in needed if load and load["inter"] != "*" and column not in load["inter"]]
    if left:
        yield f"--load_col: leaves out {', '.join(left)}; write {{inter: [{', '.join(needed)}]}}"


def _inter_file(root: Path, name: str) -> Path:
    """Find a domain's file, or where it will be if it is one of the embedded ones."""
    path = root / name / f"{name}.inter"
    if not path.parent.is_dir() and not is_to_be_made(path):
        there = sorted(folder.name for folder in root.glob("*/") if (folder / f"{folder.name}.inter").is_file())
        there = [*EXTENTS] if name.startswith(PREFIX) else there
        choice = f"; there are {', '.join(there)}" if there else "; there are none"
        command = made_by(name)
        hint = nearest(name, there) or (f"; make it with {command}" if command else choice)
        raise UserError([f"{path.parent}: no such dataset{hint}; data_path is {root}"])
    return path


class _Contents(NamedTuple):
    """What checks ask of a domain's interactions.

    Attributes
    ----------
    longest : int
        Length of the longest sequence.
    n_items : int
    times : float64 array, shape (n_interactions,), or None
        All timestamps; ``None`` where they are known to be seconds.
    """

    longest: int
    n_items: int
    times: Times | None


def _contents(
    path: Path, fields: list[str], separator: str, encoding: str, cache: str | None, is_target: bool
) -> _Contents:
    """Read a domain's file, or tell what will be in it; ``fields`` are those of users, items and times."""
    to_be_made = is_to_be_made(path)
    if to_be_made:
        require_fields(path, HEADERS["inter"], fields)
        if fields == [*KEY_FIELDS.values()]:
            return _Contents(*EXTENTS[path.stem], None)
        from recbole_metarec.domains.movielens import interactions_to_be_made

        frame = interactions_to_be_made(path.stem)
    else:
        from recbole_metarec.domains.atomic import read_interactions
        from recbole_metarec.domains.plain import NotPlain
        from recbole_metarec.domains.stored import Source, stored

        user, item, time = fields
        source, found = Source(path, user, item, time, separator, encoding), None
        with suppress(NotPlain):  # to be read closely
            found = stored(source, cache)
        _require_memory(source, found, is_target)
        if found is not None:
            return _Contents(int(found.lengths.max()), len(found.names), found.stamps)
        frame = read_interactions(path, fields, separator, encoding)
    users, items, times = (frame[field] for field in fields)
    return _Contents(int(users.value_counts().max()), int(items.nunique()), times.to_numpy(float))


def _require_memory(source: Source, found: StoredInteractions | None, is_target: bool) -> None:
    """Refuse a large file that memory cannot hold: what is stored is mapped, all else is read."""
    from recbole_metarec.domains.stored import SMALLEST
    from recbole_metarec.domains.volume import estimate, require

    path = source.path
    if found is not None:
        volume = found.volume
    elif path.is_file() and path.stat().st_size >= SMALLEST:
        volume = estimate(path, source.user, source.item, source.separator, source.encoding)
        require(path, "to be read", volume.n_interactions, volume.to_read())
    else:
        return
    if is_target:
        require(path, "as a target", volume.n_interactions, volume.as_target())
