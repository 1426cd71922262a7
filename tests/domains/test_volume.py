"""What files hold and what memory they take, told before they are read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recbole_metarec.bridge.checks import find_problems
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.domains import stored, volume
from recbole_metarec.domains.volume import estimate
from recbole_metarec.memory import TooLarge, memory_size

N_USERS, N_ITEMS, N_ROWS = 60_000, 5_000, 1_200_000

MEASURED = """
import sys
from pathlib import Path
from recbole_metarec.domains import stored
from recbole_metarec.domains.header import read_header
from recbole_metarec.domains.plain import read_plain

path, folder, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
source = stored.Source(path, "user_id", "item_id", "timestamp")
used = lambda: int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
before = used()
if what == "to_make":
    stored.SETTLED_NS = 0
    assert stored.stored(source, folder) is not None
else:
    read_plain(path, read_header(path), source.fields)
print(1024 * (used() - before))
"""


def write(path: Path, users: np.ndarray, items: np.ndarray) -> Path:
    path.parent.mkdir(exist_ok=True)
    lines = np.char.add(np.char.add("user-", users.astype(str)), np.char.add("\titem-", items.astype(str)))
    times = np.char.add("\t", np.arange(1_600_000_000, 1_600_000_000 + len(users)).astype(str))
    text = "\n".join(["user_id:token\titem_id:token\ttimestamp:float", *np.char.add(lines, times).tolist()])
    path.write_text(text + "\n")
    return path


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp("data")
    users, items = rng.integers(N_USERS, size=N_ROWS), rng.integers(N_ITEMS, size=N_ROWS)
    return write(folder / "large" / "large.inter", users, items)


@pytest.mark.parametrize("what", ["to_make", "to_read"])
def test_estimated_memory_is_what_reading_takes(large: Path, tmp_path: Path, what: str) -> None:
    command = [sys.executable, "-c", MEASURED, str(large), str(tmp_path), what]
    measured = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    estimated = getattr(estimate(large, "user_id", "item_id"), what)()
    assert estimated == pytest.approx(measured, rel=0.3)


@pytest.mark.parametrize("by", ["time", "user"])
def test_samples_tell_how_much_a_file_holds(large: Path, tmp_path: Path, by: str) -> None:
    path = large
    if by == "user":
        users = np.sort(np.random.default_rng(0).integers(N_USERS, size=N_ROWS // 4))
        path = write(tmp_path / "sorted" / "sorted.inter", users, np.zeros_like(users))
    found = estimate(path, "user_id", "item_id")
    assert found.n_interactions == pytest.approx(N_ROWS if by == "time" else N_ROWS // 4, rel=0.02)
    assert found.n_users == pytest.approx(N_USERS, rel=0.2)
    assert found.n_items == pytest.approx(N_ITEMS if by == "time" else 1, rel=0.2)


@pytest.mark.parametrize("cache", [True, False])
def test_a_file_that_memory_cannot_hold_is_refused_in_a_line(
    large: Path, tmp_path: Path, cache: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "SETTLED_NS", 0)
    monkeypatch.setattr(volume, "memory_size", lambda: 5 * 10**7)
    monkeypatch.setattr(stored, "read_columns", None)
    settings = {"data_path": str(large.parent.parent), "interaction_cache": str(tmp_path) if cache else None}
    (line,) = find_problems({"model": "SASRec", "dataset": "large", **settings})
    assert line.startswith(f"{large}: about 1.2 million interactions take about ")
    assert "of memory to be read, and there are 50 MB; leave users out, about " in line
    if cache:
        with pytest.raises(TooLarge):
            load_domain(PluginConfig("SASRec", "large", settings))


def test_a_target_needs_more_than_a_source(large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SETTLED_NS", 0)
    found = stored.stored(stored.Source(large, "user_id", "item_id", "timestamp"), tmp_path)
    assert found is not None
    monkeypatch.setattr(volume, "memory_size", lambda: int(found.volume.as_target()) - 1)
    settings = {"data_path": str(large.parent.parent), "interaction_cache": str(tmp_path)}
    (line,) = find_problems({"model": "SASRec", "dataset": "large", **settings})
    assert "of memory as a target, and there are " in line
    assert load_domain(PluginConfig("SASRec", "large", settings)).n_interactions == N_ROWS


def test_memory_is_that_of_the_machine() -> None:
    assert 10**8 < memory_size() < 10**15
