"""What a run leaves behind in case that it ends early, and what it finds of such that did."""

from __future__ import annotations

import errno
import glob
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging import getLogger
from pathlib import Path
from typing import Any

from recbole_metarec.bridge.checkpoint import check_same_run
from recbole_metarec.bridge.config import to_plain, variant_of
from recbole_metarec.bridge.identity import differences, digest
from recbole_metarec.bridge.trainer import DomainTrainer
from recbole_metarec.errors import Lost
from recbole_metarec.files import Held, hold, remove_abandoned, what_failed
from recbole_metarec.models import SPECS
from recbole_metarec.runs.result import RunResult
from recbole_metarec.runs.stored import Damaged, load_run, save_run
from recbole_metarec.training import checkpoint, world
from recbole_metarec.training.last_state import Found, LastStates, newest, numbers_in, remove_states
from recbole_metarec.training.processes import last_words
from recbole_metarec.training.runner import Position

AUTO = "auto"
"""The value of ``resume`` that looks for a state by itself."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

UNFINISHED, FINISHED = "unfinished", "finished"
"""Folders in ``checkpoint_dir`` of last states, one folder for each run, and of results."""


class Place:
    """What a run has in ``checkpoint_dir`` beside its checkpoint.

    Parameters
    ----------
    config : PluginConfig
        Of the run.

    Attributes
    ----------
    title : str
        The run, as lines about it begin.
    """

    def __init__(self, config: Any) -> None:
        self.config, variant = config, variant_of(config)
        self.title = f"{config['model']}{f' ({variant})' if variant else ''}, seed {config['seed']}"
        parts = (config["model"], variant, config["dataset"], config["seed"], digest(config["model"], to_plain(config)))
        self._name = world.of_first("-".join(str(part) for part in parts if part is not None))
        self._folder = Path(config["checkpoint_dir"])
        self._states: LastStates | None = None
        self._found: Found | None = None
        self._trainer: Any = None
        self._begin = time.perf_counter()

    # -- what is there already ----------------------------------------------------------------------------------------

    def finished(self) -> RunResult | None:
        """Return what the run gave if it was finished and is to be taken up where it was."""
        if self.config["resume"] != AUTO:
            return None
        run = self._kept_result() if world.is_first() else None
        if not world.of_first(run is not None):
            return None
        return run or load_run(self._result_file)

    def _kept_result(self) -> RunResult | None:
        try:
            run = load_run(self._result_file)
        except Damaged as damaged:
            _say(f"{damaged}; {self.title} is made anew")
            return None
        if run is None or (run.checkpoint and not Path(run.checkpoint).is_file()):
            return None
        _say(f"{self.title}: was finished, {run.checkpoint or 'without a checkpoint'}")
        return run

    @property
    def _result_file(self) -> Path:
        return self._folder / FINISHED / f"{self._name}.json"

    def find(self) -> None:
        """Look for the state that the run is to go on from, and take the folder that its last states go to.

        Raises
        ------
        UserError
            If a state that the user names is of another run, or damaged.
        """
        if world.is_first():
            self._look()
        path = world.of_first(None if self._found is None else str(self._found.path))
        if path is not None and self._found is None:
            self._found = Found(Path(path), checkpoint.load(Path(path)))
        world.wait()  # until all have opened it: the first goes on to write newer ones, and removes it

    def _look(self) -> None:
        asked = self.config["resume"]
        held = None
        self._sweep()
        if self.config["model"] not in SPECS:
            return
        if asked and asked != AUTO:
            self._found = Found(Path(asked), checkpoint.load(Path(asked)))
            check_same_run(*self._found, self.config)
            before, now = self._found.state["config"], to_plain(self.config)
            for line in differences(self.config["model"], before, now, pace=True):
                _say(f"{self.title}: goes on with other settings, {asked} is of {line}")
            if Path(asked).parent.resolve() in [folder.resolve() for folder in self._folders()]:
                held = hold(Path(asked).parent)
        elif asked == AUTO:
            held = self._newest()
        if self.config["last_state_minutes"] is not None:
            self._states = LastStates(held or self._free(), self.config["last_state_minutes"], lambda: self.seconds)
        if not asked and any(_is_abandoned(folder) for folder in self._folders()):
            _say(f"{self.title}: begins anew, though it was not finished before; --resume=auto would go on with it")

    def tell_of_nothing(self) -> None:
        """Say that there is nothing to go on from, if that was asked for."""
        if self.config["resume"] == AUTO and self._found is None:
            of_ours = self.config["model"] in SPECS
            why = f"there is no state of it in {self._folder}" if of_ours else "as RecBole's own models do"
            _say(f"{self.title}: begins anew, {why}")

    def _sweep(self) -> None:
        """Remove what dead processes have left of which nobody can make use."""
        for folder in (self._folder, self._folder / FINISHED, Path(self.config["feature_cache"])):
            remove_abandoned(folder)
        for folder in (self._folder / UNFINISHED).glob("*/"):
            remove_abandoned(folder)
            held = None if numbers_in(folder) else hold(folder)
            if held is not None:
                held.let_go()

    def _folders(self) -> list[Path]:
        """List the folders of last states of this run, of which there are several where it was begun several times."""
        parent = self._folder / UNFINISHED
        return [parent / self._name, *sorted(parent.glob(f"{glob.escape(self._name)}.*"))]

    def _free(self) -> Held:
        """Take the first folder without states that no other process has."""
        number = 1
        while True:
            folder = self._folder / UNFINISHED / (f"{self._name}.{number}" if number > 1 else self._name)
            held = None if numbers_in(folder) else hold(folder)
            if held is not None:
                return held
            number += 1

    def _newest(self) -> Held | None:
        """Take the folder with the newest state that no other process has."""
        best: tuple[float, Held, Found] | None = None
        for folder in self._folders():
            if not numbers_in(folder):
                continue
            held = hold(folder)
            if held is None:
                _say(f"{self.title}: another process is at it, with {folder}")
                continue
            found, problems = newest(folder)
            for problem in problems:
                _say(f"{problem}; the state before counts")
            modified = found.path.stat().st_mtime if found else 0.0
            if found is None or (best is not None and best[0] >= modified):
                held.let_go()
                continue
            if best is not None:
                best[1].let_go()
            best = modified, held, found
        if best is None:
            return None
        self._found = best[2]
        return best[1]

    # -- while it goes on ---------------------------------------------------------------------------------------------

    @property
    def seconds(self) -> float:
        """How long the run has taken, in all processes that were at it."""
        before = float(self._found.state.get("seconds", 0.0)) if self._found else 0.0
        return before + time.perf_counter() - self._begin

    def join(self, trainer: Any) -> None:
        """Let a trainer go on from what was found, and write its last states."""
        self._trainer = trainer
        if self._found is not None:
            trainer.resume_checkpoint(self._found.path)
            _say(f"{self.title}: goes on where it was, {_where(self._found)}, {self._found.path}")
        if isinstance(trainer, DomainTrainer):
            trainer.last = self._states

    @contextmanager
    def named_when_ended(self) -> Iterator[None]:
        """Let an interrupt, a full disk, or numbers that are not finite, say what is kept."""
        try:
            with last_words(self._what_is_kept):
                yield
        except FloatingPointError as error:
            path = self._states.newest() if self._states else None
            if path is None:
                raise
            how = f"--resume={path} goes on from the state before, with other settings"
            raise FloatingPointError(f"{error}; {how}") from None
        except Lost as error:
            raise Lost(f"{error}; {self._what_is_kept()}" if world.is_first() else str(error)) from error
        except OSError as error:
            if error.errno not in _FULL:
                raise
            how = "; make room, and --resume=auto goes on" if self._states is not None and self._states.written else ""
            error.strerror = f"{error.strerror or error}; {self._what_is_kept()}{how}"
            raise
        except KeyboardInterrupt as interrupt:
            interrupt.args = (self._what_is_kept(),)
            raise

    def _what_is_kept(self) -> str:
        if not world.is_first():
            return f"what is kept of {self.title} is in {self._folder / UNFINISHED}"
        if self._states is not None and self._states.written:
            return f"{self.title} is kept, {self._states.written}"
        if self._found is not None:
            return f"{self.title} is kept, {_where(self._found)}"
        best = None if self._trainer is None else Path(self._trainer.saved_model_file)
        if best is not None and best.is_file():
            return f"the best epoch of {self.title} is in {best}"
        return f"there is nothing of {self.title} to keep yet"

    def finish(self, run: RunResult) -> None:
        """Keep the result, and leave what is needless with it."""
        if not world.is_first():
            return
        try:
            save_run(self._result_file, run)
        except OSError as error:
            getLogger().warning(f"{what_failed(error)}: {self.title} would be made again with --resume=auto")
        if self._states is not None:
            remove_states(self._states.held.folder)
        for folder in self._folders():
            held = hold(folder) if numbers_in(folder) else None
            if held is not None:
                remove_states(folder)
                held.let_go()

    def leave(self) -> None:
        """Leave the last states, if the run has not finished, to whoever goes on."""
        if not world.is_first():
            return
        if self._states is not None:
            self._states.held.let_go()
        with suppress(OSError):  # others' states are in it, or it was never made
            (self._folder / UNFINISHED).rmdir()


def _where(found: Found) -> str:
    position = found.state.get("position")
    return str(Position(**position)) if position else f"epoch {found.state['epoch'] + 1:,}"


def _is_abandoned(folder: Path) -> bool:
    """Whether there are states in a folder that no process has."""
    held = hold(folder) if numbers_in(folder) else None
    if held is not None:
        held.let_go()
    return held is not None


def _say(line: str) -> None:
    if world.is_first():
        print(line, file=sys.stderr, flush=True)
