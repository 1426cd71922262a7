"""Arrays of a file are what a reader of its text finds, and are used for no other file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from recbole_metarec.domains import chunks, vocabulary
from recbole_metarec.domains import stored as module
from recbole_metarec.domains.atomic import read_interactions
from recbole_metarec.domains.plain import NotPlain
from recbole_metarec.domains.stored import Source, stored

FIELDS = ["user_id", "item_id", "timestamp"]
HEADER = "rating:float\tuser_id:token\titem_id:token\ttimestamp:float\n"


@pytest.fixture(autouse=True)
def _small_and_new_files_count(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    monkeypatch.setattr(module, "SMALLEST", 0)
    monkeypatch.setattr(module, "SETTLED_NS", -(10**12))


def write(path: Path, rows: list[tuple[str, str, str]]) -> Source:
    path.write_text(HEADER + "".join("\t".join(("3.5", *row)) + "\n" for row in rows), encoding="utf-8")
    return Source(path, *FIELDS)


def draw(n: int = 300, seed: int = 0) -> list[tuple[str, str, str]]:
    rng = random.Random(seed)
    return [
        (f"ü{int(rng.paretovariate(0.6)) % 40}", f"item-{rng.randrange(60) ** 5}", str(rng.randrange(40) / 4 - 3))
        for _ in range(n)
    ]


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return write(tmp_path / "a.inter", draw())


def sorted_columns(frame: pd.DataFrame) -> tuple[list[list[str]], list[list[float]], list[list[int]]]:
    """Sort by user and time with pandas alone: items, times and rows of each user."""
    users = frame["user_id"].cat.codes
    order = frame.assign(user=users).sort_values(["user", "timestamp"], kind="stable")
    parts = [part for _, part in order.groupby("user")]
    return (
        [part["item_id"].tolist() for part in parts],
        [part["timestamp"].tolist() for part in parts],
        [part.index.tolist() for part in parts],
    )


rows = st.tuples(
    st.sampled_from(["a", "b", "ccccccccc", "é" * 20]),
    st.sampled_from(["x", "y", "12345678", "123456789", "z" * 64]),
    st.integers(-5, 5).map(str),
)


@given(st.lists(rows, min_size=1, max_size=30), st.integers(1, 40), st.integers(1, 12), st.integers(1, 8))
def test_arrays_are_the_file_by_user_and_time(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str]],
    block: int,
    at_a_time: int,
    pending: int,
) -> None:
    folder = tmp_path_factory.mktemp("file")
    source = write(folder / "a.inter", rows)
    expected = read_interactions(source.path, FIELDS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recbole_metarec.domains.plain.BLOCK_BYTES", block)
        patch.setattr(vocabulary, "FEWEST_PENDING", pending)
        patch.setattr(chunks, "CHUNK", block)
        patch.setattr(module, "SORTED_AT_A_TIME", at_a_time)
        made = stored(source, folder / "arrays")
    for found in (made, stored(source, folder / "arrays")):
        assert found is not None
        pd.testing.assert_frame_equal(found.frame(), expected)
        names = ["", *found.item_names()]
        ends = found.offsets[1:-1]
        items, stamps, places = sorted_columns(expected)
        assert [[names[item] for item in part] for part in np.split(found.items, ends)] == items
        assert [part.tolist() for part in np.split(found.stamps, ends)] == stamps
        assert [part.tolist() for part in np.split(found.rows, ends)] == places


def kept(source: Source) -> Path:
    (file,) = (source.path.parent / "arrays").iterdir()
    return file


def test_they_are_mapped_and_not_read_again(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    first = stored(source, source.path.parent / "arrays")
    monkeypatch.setattr(module, "read_columns", None)
    again = stored(source, source.path.parent / "arrays")
    assert first is not None
    assert again is not None
    assert isinstance(again.items.base, np.memmap)
    pd.testing.assert_frame_equal(again.frame(), first.frame())


def test_the_file_is_one_of_safetensors(source: Source) -> None:
    found = stored(source, source.path.parent / "arrays")
    for name, array in load_file(kept(source)).items():
        np.testing.assert_array_equal(array, getattr(found, name))


def in_place(path: Path) -> None:
    facts = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("item-", "itum-"), encoding="utf-8")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def by_another(path: Path) -> None:
    facts = path.stat()
    other = path.with_name("other")
    other.write_text(path.read_text(encoding="utf-8").replace("item-1", "itum-1"), encoding="utf-8")
    os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    other.replace(path)


def longer(path: Path) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("1\tnew\tnew\t1\n")


@pytest.mark.parametrize("change", [in_place, by_another, longer])
def test_a_file_that_has_changed_is_read_anew(source: Source, change: Callable[[Path], None]) -> None:
    stored(source, source.path.parent / "arrays")
    change(source.path)
    found = stored(source, source.path.parent / "arrays")
    assert found is not None
    pd.testing.assert_frame_equal(found.frame(), read_interactions(source.path, FIELDS))


def test_samples_tell_a_change_where_the_system_knows_no_time_of_it(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = module._state_of(source.path)
    in_place(source.path)
    after = module._state_of(source.path)
    assert before is not None
    assert after is not None
    assert {key for key in before if before[key] != after[key]} >= {"samples"}


def test_other_columns_have_arrays_of_their_own(source: Source) -> None:
    stored(source, source.path.parent / "arrays")
    other = stored(source._replace(item="user_id", user="item_id"), source.path.parent / "arrays")
    assert other is not None
    assert other.item_names() == read_interactions(source.path, FIELDS)["user_id"].cat.categories.tolist()


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: b"", lambda data: b"x" * len(data)])
def test_damaged_arrays_are_made_anew(
    source: Source, damage: Callable[[bytes], bytes], caplog: pytest.LogCaptureFixture
) -> None:
    first = stored(source, source.path.parent / "arrays")
    assert first is not None
    expected = first.frame()
    kept(source).write_bytes(damage(kept(source).read_bytes()))
    again = stored(source, source.path.parent / "arrays")
    assert again is not None
    assert "is damaged and made anew" in caplog.text
    pd.testing.assert_frame_equal(again.frame(), expected)


def test_without_a_place_to_keep_them_there_are_none(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    assert stored(source, None) is None
    for _ in range(2):
        assert stored(source, source.path / "folder") is None
    (line,) = caplog.messages
    assert line.startswith(f"{source.path}: is read anew by each run, ")


def test_small_files_and_new_ones_have_none(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLED_NS", 10**12)
    assert stored(source, source.path.parent / "arrays") is None
    monkeypatch.setattr(module, "SETTLED_NS", -(10**12))
    monkeypatch.setattr(module, "SMALLEST", source.path.stat().st_size + 1)
    assert stored(source, source.path.parent / "arrays") is None


def test_what_changes_while_it_is_read_is_not_kept(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    read = module.read_columns

    def changing(path: Path, *others: object) -> object:
        longer(path)
        return read(path, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "read_columns", changing)
    assert stored(source, source.path.parent / "arrays") is None
    assert not (source.path.parent / "arrays").exists()


@pytest.mark.parametrize("row", [("NA", "x", "1"), ('"u', "x", "1"), (" u", "x", "1"), ("u", "x", "1e3")])
def test_what_is_not_plain_is_left_to_others(tmp_path: Path, row: tuple[str, str, str]) -> None:
    source = write(tmp_path / "a.inter", [*draw(5), row])
    with pytest.raises(NotPlain):
        stored(source, tmp_path / "arrays")
    assert not (tmp_path / "arrays").exists()
