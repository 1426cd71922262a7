"""The one error that stands for a user's mistake, and words of its lines."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager


class UserError(ValueError):
    """Input that the user has to correct: every problem found, one line each.

    Parameters
    ----------
    problems : iterable of str
        One line for each problem, saying what is wrong and what to write instead.

    Attributes
    ----------
    problems : tuple of str
        The same lines.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[UserError], tuple[tuple[str, ...]]]:
        return type(self), (self.problems,)


@contextmanager
def noting(problems: list[str]) -> Iterator[None]:
    """Go on after a mistake, so that all of them are named at once."""
    try:
        yield
    except UserError as error:
        problems += error.problems


class Lost(ConnectionError):
    """Another of the processes that train one model has ended; the message says which and why."""


def nearest(name: object, known: Collection[str]) -> str:
    """Ask whether one of the known names was meant; nothing if none is like ``name``."""
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(str(name).lower(), lower, n=3)
    return f"; did you mean {' or '.join(lower[match] for match in close)}?" if close else ""


def shown(key: str, value: object) -> str:
    """Write a setting as on the command line, in one line and not too long a one."""
    text = " ".join(str(value).split())
    return f"--{key}={text if len(text) <= 200 else text[:200] + '...'}"
