"""Processes that are started together end together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from torch.distributed import HashStore

from recbole_metarec.cli import launch

WAITING = "import time; time.sleep(60)"
DYING = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def started(*scripts: str) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, "-c", script]) for script in scripts]


def test_all_end_well() -> None:
    assert launch._wait(started("pass", "pass"), HashStore()) == 0


def test_of_several_that_fail_the_status_of_one_counts() -> None:
    assert launch._wait(started("raise SystemExit(2)", "raise SystemExit(2)"), HashStore()) == 2


def test_one_that_is_killed_is_named_to_the_others_and_ends_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "_WORDS_SECONDS", 0.5)
    store, begin = HashStore(), time.monotonic()
    processes = started(WAITING, DYING)
    assert launch._wait(processes, store) == 128 + signal.SIGKILL
    assert store.get("fault") == b"process 1 was ended by SIGKILL"
    assert capsys.readouterr().err == "error: process 1 was ended by SIGKILL\n"
    assert processes[0].returncode == -signal.SIGTERM
    assert time.monotonic() - begin < 30


def test_each_process_gets_its_place() -> None:
    environments = [launch._environment(place, 3, 1234) for place in range(3)]
    assert [each["RANK"] for each in environments] == ["0", "1", "2"]
    assert {(each["WORLD_SIZE"], each["MASTER_PORT"]) for each in environments} == {("3", "1234")}
