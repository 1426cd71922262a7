"""Which of several processes that train together says what becomes of them: each line is said once."""

from __future__ import annotations

import os
import sys
from typing import Any


def is_one_of_several() -> bool:
    """Whether this process trains together with others; most commands have not even imported torch."""
    return "recbole_metarec.training.processes" in sys.modules and bool(_processes().asked() > 1)


def is_to_tell(line: str) -> bool:
    """Tell other processes what ends this one; returns whether it is to say it to the user, too."""
    return not is_one_of_several() or bool(_processes().tell(line))


def is_to_speak() -> bool:
    """Whether this process is the one to say what has come from outside: an interrupt, the end of another."""
    return not is_one_of_several() or bool(_processes().is_to_speak())


def heard() -> list[str]:
    """Return why another process has ended, if one has told."""
    fault = _processes().heard() if is_one_of_several() else None
    return [] if fault is None else [fault]


def end(status: int) -> int:
    """End with a status, at once where libraries may wait for processes that are gone; else return it."""
    if is_one_of_several():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    return status


def _processes() -> Any:
    from recbole_metarec.training import processes

    return processes
