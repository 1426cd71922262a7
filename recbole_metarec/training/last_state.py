"""The last state of a run: all that it takes to go on where it was, whatever ends the process."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from logging import getLogger
from pathlib import Path
from typing import Any, NamedTuple

from recbole_metarec.errors import noting
from recbole_metarec.files import Held, remove_abandoned, what_failed
from recbole_metarec.training import checkpoint
from recbole_metarec.training.form import SUFFIX

# The newest, and the one before in case that the newest is damaged.
_KEPT = 2


class Found(NamedTuple):
    """A state that was read.

    Attributes
    ----------
    path : Path
    state : dict
        See `training.checkpoint.load`.
    """

    path: Path
    state: dict[str, Any]


class LastStates:
    """The last states of a run, in a folder of which the process is the only one to write there.

    Parameters
    ----------
    held : Held
        The folder.
    minutes : float
        From one state to the next within an epoch.
    seconds : callable
        How long the run has taken, which states remember.
    """

    def __init__(self, held: Held, minutes: float, seconds: Callable[[], float]) -> None:
        self.held, self.minutes, self._seconds = held, minutes, seconds
        remove_abandoned(held.folder)
        self._numbers = numbers_in(held.folder)
        self._since = time.monotonic()
        self._warned = False
        self.written: str | None = None
        """What the newest state that this process wrote is called, if it wrote any."""

    def newest(self) -> Path | None:
        """Return the file of the newest state, if there is one."""
        return _file(self.held.folder, self._numbers[-1]) if self._numbers else None

    def is_due(self) -> bool:
        """Whether the last state is older than the minutes from one to the next."""
        return time.monotonic() - self._since >= 60 * self.minutes

    def write(self, state: Mapping[str, Any], title: str) -> None:
        """Write a state and read it back, then remove those that are older than the one before.

        One that cannot be written is a warning: the run itself can go on.

        Parameters
        ----------
        state : mapping
            See `training.checkpoint.save`.
        title : str
            What it is called.
        """
        number = max(self._numbers, default=0) + 1
        try:
            whole = {**state, "seconds": self._seconds()}
            checkpoint.save(_file(self.held.folder, number), whole, read_back=True)
        except OSError as error:
            if not self._warned:
                getLogger().warning(f"{what_failed(error)}: a run that ends now cannot go on from here")
            self._warned = True
        else:
            self._numbers.append(number)
            self.written = title
            while len(self._numbers) > _KEPT:
                _file(self.held.folder, self._numbers.pop(0)).unlink(missing_ok=True)
        self._since = time.monotonic()


def newest(folder: Path) -> tuple[Found | None, list[str]]:
    """Read the newest state in a folder.

    Parameters
    ----------
    folder : Path
        It need not be there.

    Returns
    -------
    found : Found or None
        ``None`` if there is none that can be read.
    problems : list of str
        What is wrong with newer ones, a line each.
    """
    problems: list[str] = []
    for number in reversed(numbers_in(folder)):
        path = _file(folder, number)
        with noting(problems):
            return Found(path, checkpoint.load(path)), problems
    return None, problems


def remove_states(folder: Path) -> None:
    """Remove all states in a folder, the oldest first."""
    for number in numbers_in(folder):
        _file(folder, number).unlink(missing_ok=True)


def numbers_in(folder: Path) -> list[int]:
    """List the numbers of the states in a folder, the newest last."""
    found = (re.fullmatch(r"(\d+)", path.stem) for path in folder.glob(f"*{SUFFIX}"))
    return sorted(int(match[1]) for match in found if match)


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:06}{SUFFIX}"
