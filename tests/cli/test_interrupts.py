"""The first signal is an exception, the second ends the process, and during imports the first does."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from recbole_metarec.cli.interrupts import Terminated, answer_signals, ending_at_once, status_of
{before}
answer_signals()
{first}
try:
    os.kill(os.getpid(), signal.{number})
except KeyboardInterrupt as interrupt:
    print(type(interrupt).__name__, *status_of(interrupt), flush=True)
    os.kill(os.getpid(), signal.{number})
print("goes on")
"""
IMPORTING = "with ending_at_once(): os.kill(os.getpid(), signal.{number})"


def end(number: str, before: str = "", first: str = "") -> tuple[str, str, int]:
    script = SCRIPT.format(number=number, before=before.format(number=number), first=first.format(number=number))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return done.stdout.strip(), done.stderr.strip(), done.returncode


@pytest.mark.parametrize(
    ("number", "kind", "word", "status"),
    [("SIGINT", "KeyboardInterrupt", "interrupted", 130), ("SIGTERM", "Terminated", "terminated", 143)],
)
def test_signals(number: str, kind: str, word: str, status: int) -> None:
    assert end(number) == (f"{kind} {word} {status}", word, status)
    assert end(number, first=IMPORTING) == ("", word, status)
    by_torchrun = "os.environ['TORCHELASTIC_RUN_ID'] = '1'"
    assert end(number, before=by_torchrun) == (f"{kind} {word} {status}\ngoes on", "", 0)
    ignored = "signal.signal(signal.{number}, signal.SIG_IGN)"
    assert end(number, before=ignored) == ("goes on", "", 0)
