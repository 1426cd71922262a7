"""How far something has come: a bar in a terminal, a line from time to time elsewhere."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import Any

from tqdm import tqdm
from typing_extensions import Self

SECONDS = 30.0
"""From one line to the next."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def bar(iterable: Iterable[Any] | None = None, *, show: bool = True, **options: Any) -> tqdm[Any] | Lines:
    """Show how far something has come, on standard error.

    Parameters
    ----------
    iterable : iterable, optional
        What is gone through.
    show : bool
        Whether anything is shown.
    **options
        Of tqdm. Where there is no terminal, ``unit`` is a word as in "3 of 20 epochs".

    Returns
    -------
    tqdm or Lines
    """
    if not show or sys.stderr is None or sys.stderr.isatty():
        return tqdm(iterable, **options, disable=not show)
    return Lines(iterable, **options)


class Lines:
    """Writes lines in the place of a bar, the first after `SECONDS`; has those methods of tqdm that are used.

    Parameters
    ----------
    iterable : iterable, optional
    desc : str
        What begins the lines.
    total : int, optional
        Where it ends; by default that of the iterable.
    initial : int
        Where it begins.
    unit : str
        What is counted.
    unit_scale : bool
        Whether to write large numbers as in 3.1M.
    leave : bool
        Whether its end is worth a line.
    **options
        Of bars alone.
    """

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        desc: str = "",
        total: int | None = None,
        initial: int = 0,
        unit: str = "step",
        unit_scale: bool = False,
        leave: bool = True,
        **options: Any,
    ) -> None:
        self.iterable, self.desc = iterable, " ".join(_COLOURS.sub("", desc).split())
        self.total = len(iterable) if total is None and isinstance(iterable, Sized) else total
        self.initial = self.n = initial
        self.leave = leave
        self._units, self._scale, self._behind = unit if unit == "B" else f"{unit}s", unit_scale, ""
        self._begin = self._last = time.monotonic()

    def __iter__(self) -> Iterator[Any]:
        for each in self.iterable or ():
            yield each
            self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Count, and write a line if the last one is long ago."""
        self.n += int(n)
        now = time.monotonic()
        if now - self._last >= SECONDS and (self.leave or self.n != self.total):
            self._last = now
            print(self._line(now - self._begin), file=sys.stderr, flush=True)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Let lines end with a text."""
        self._behind = _COLOURS.sub("", s)

    def _line(self, seconds: float) -> str:
        of = f" of {self._written(self.total)}" if self.total else ""
        parts = [f"{self._written(self.n)}{of} {self._units}", f"{tqdm.format_interval(seconds)} so far"]
        if self.total and self.n > self.initial:
            left = seconds * (self.total - self.n) / (self.n - self.initial)
            parts.append(f"at most {tqdm.format_interval(left)} left")
        return f"{self.desc}: {', '.join([*parts, self._behind] if self._behind else parts)}"

    def _written(self, number: int) -> str:
        return tqdm.format_sizeof(number) if self._scale else f"{number:,}"
