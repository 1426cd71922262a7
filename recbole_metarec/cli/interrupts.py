"""Interrupts of imports, which have nothing to clean up, and some of which take an interrupt for another error."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let an interrupt end the process at once, with one line."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler:  # which a job in the background has not
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(*_: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)
