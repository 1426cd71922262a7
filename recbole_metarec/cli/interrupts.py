"""Ctrl-C and SIGTERM: the first ends a command in an orderly way, the second at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
"""What is said of each signal."""


# torchrun sends a signal several times in a row.
_SAME_SECONDS = 5.0
_answered: float | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM, which clusters send; what an interrupt cleans up, it does, too."""


def status_of(interrupt: KeyboardInterrupt) -> tuple[str, int]:
    """Return the word for an interrupt, and the exit status that shells know."""
    number = signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT
    return WORDS[number], 128 + number


def answer_signals() -> None:
    """Let the first signal of this process be an exception, unless it is ignored, as in a job in the background."""
    for number in WORDS:
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _first)


def end_at_once() -> None:
    """Let each further signal end the process at once, with one line."""
    for number in WORDS:
        if signal.getsignal(number) in (_first, signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, _end)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let a signal end the process at once: imports have nothing to clean up, and take interrupts for other errors."""
    before = {number: signal.getsignal(number) for number in WORDS}
    end_at_once()
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def be_deaf() -> None:
    """Let no signal come between the last line of a process and its end, which is near."""
    for number in WORDS:
        signal.signal(number, signal.SIG_IGN)


def _first(number: int, _: FrameType | None) -> None:
    global _answered
    _answered = time.monotonic()
    end_at_once()
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _end(number: int, _: FrameType | None) -> None:
    if _answered is not None and time.monotonic() - _answered < _SAME_SECONDS and "TORCHELASTIC_RUN_ID" in os.environ:
        return
    os.write(2, f"{WORDS[signal.Signals(number)]}\n".encode())
    os._exit(128 + number)
