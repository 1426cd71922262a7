"""What finished runs leave behind: the newest stay, as many as settings say, and all that a command itself made."""

from __future__ import annotations

import logging
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from recbole_metarec.errors import UserError
from recbole_metarec.runs.result import RunResult
from recbole_metarec.training.form import SUFFIX
from recbole_metarec.training.outline import outline
from recbole_metarec.training.world import is_first

# As RecBole names them: a file that has another name stays.
_TIME = r"[^-]+-\d\d-\d{4}_\d\d-\d\d-\d\d"
_FINISHED = "finished: "
_TAIL = 1 << 16


def say_finished(run: RunResult) -> None:
    """Say in the log, at whatever level it is, that a run has finished: one that goes on is never removed."""
    said = f"{_FINISHED}{run.checkpoint or 'without a checkpoint'}"
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.FileHandler):
            handler.emit(logging.makeLogRecord({"msg": said, "levelno": logging.INFO, "levelname": "INFO"}))


def tidy(settings: Mapping[str, Any], runs: Sequence[RunResult]) -> None:
    """Remove what older runs of the same models on the same data have left, beyond what settings keep.

    Parameters
    ----------
    settings : mapping
        ``checkpoint_dir``, ``keep_checkpoints`` and ``keep_logs``.
    runs : sequence of RunResult
        Of the command; what they have left stays.
    """
    if not is_first():
        return
    if settings["keep_checkpoints"] is not None:
        own = {Path(run.checkpoint).resolve() for run in runs if run.checkpoint}
        for model, variant, dataset in dict.fromkeys((run.model, run.variant, run.dataset) for run in runs):
            found = _checkpoints(Path(settings["checkpoint_dir"]), model, variant, dataset)
            old = _beyond(settings["keep_checkpoints"], own, found)
            for path in old:
                _remove(path, path.with_suffix(".md"))
            if old:
                name = f"{model} ({variant})" if variant else model
                said = f"{len(old):,} older checkpoint{'s' * (len(old) > 1)} of {name} on {dataset}"
                print(f"removed {said}; keep_checkpoints={settings['keep_checkpoints']}", file=sys.stderr, flush=True)
    logs = {Path(run.log).resolve() for run in runs if run.log}
    for model, dataset in dict.fromkeys((run.model, run.dataset) for run in runs if settings["keep_logs"] is not None):
        for path in _beyond(settings["keep_logs"], logs, _logs(model, dataset)):
            # RecBole ends the names of folders of curves at the first point
            _remove(path, *([] if "." in path.stem else [Path("log_tensorboard", path.stem)]))


def _beyond(keep: int, own: Collection[Path], found: Iterator[Path]) -> list[Path]:
    """List what is older than those that stay."""
    ages = []
    for path in found:
        with suppress(FileNotFoundError):  # removed by another process
            ages.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(ages, reverse=True)[keep:] if path.resolve() not in own]


def _checkpoints(folder: Path, model: str, variant: str | None, dataset: str) -> Iterator[Path]:
    """List the checkpoints of finished runs."""
    named = re.compile(rf"{re.escape(model)}-{_TIME}.*{re.escape(SUFFIX)}")
    for path in folder.glob(f"*{SUFFIX}"):
        if not named.fullmatch(path.name):
            continue
        with suppress(UserError, OSError):  # another version's, damaged, or gone
            state = outline(path)
            of_run = state["config"]["model"], state.get("variant"), state["config"]["dataset"]
            if of_run == (model, variant, dataset) and state.get("metrics"):
                yield path


def _logs(model: str, dataset: str) -> Iterator[Path]:
    """List the logs of finished runs, in the working folder, where RecBole has them."""
    named = re.compile(rf"{re.escape(model)}-{re.escape(dataset)}-{_TIME}-[0-9a-f]{{6}}\.log")
    for path in Path("log", model).glob("*.log"):
        if named.fullmatch(path.name) and _has_finished(path):
            yield path


def _has_finished(log: Path) -> bool:
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        return f"INFO  {_FINISHED}".encode() in file.read()
    return False


def _remove(*paths: Path) -> None:
    for path in paths:
        with suppress(OSError):  # another user's, or gone: what is to be tidied hinders no run
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
