"""Lines where there is no terminal: from time to time, without colours, with what is left at most."""

from __future__ import annotations

import sys

import pytest
from recbole.utils import set_color
from tqdm import tqdm

from recbole_metarec import progress
from recbole_metarec.progress import Lines, bar


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_comes_when_the_last_one_is_long_ago(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with bar(total=4_000, initial=1_000, desc=set_color("warm  up", "pink"), unit="epoch") as shown:
        for _ in range(10):
            clock[0] += progress.SECONDS / 5
            shown.update(100)
            shown.set_postfix_str(set_color("loss 1.5", "blue"))
    assert capsys.readouterr().err.splitlines() == [
        "warm up: 1,500 of 4,000 epochs, 00:30 so far, at most 02:30 left, loss 1.5",
        "warm up: 2,000 of 4,000 epochs, 01:00 so far, at most 02:00 left, loss 1.5",
    ]


def test_what_is_gone_through_comes_whole_and_the_end_of_a_part_is_no_line(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    for leave in (True, False):
        seen = []
        for each in bar(range(3), desc="batches", leave=leave):
            clock[0] += progress.SECONDS
            seen.append(each)
        assert seen == [0, 1, 2]
        assert len(capsys.readouterr().err.splitlines()) == 2 + leave


def test_bars_are_for_terminals_and_for_those_who_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(bar(range(3)), Lines)
    assert isinstance(hidden := bar(range(3), show=False), tqdm)
    assert hidden.disable
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with bar(range(3), delay=100) as shown:
        assert isinstance(shown, tqdm)
