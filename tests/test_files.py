from __future__ import annotations

import os
import resource
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from recbole_metarec.files import domain_files, hold, remove_abandoned, what_failed, whole_file, write_text


class Broken(Exception):
    pass


def break_off(path, error):
    with whole_file(path) as file:
        file.write(b"half")
        raise error


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def umask():
    before = os.umask(0)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("old", [None, b"old"])
def test_a_file_appears_whole_and_replaces_what_was_there(tmp_path, old):
    path = tmp_path / "a.bin"
    if old is not None:
        path.write_bytes(old)
    with whole_file(path) as file:
        file.write(b"new ")
        file.write(b"content")
        assert not path.exists() if old is None else path.read_bytes() == old
    assert contents(tmp_path) == {"a.bin": b"new content"}


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt])
@pytest.mark.parametrize("old", [{}, {"a.bin": b"old"}])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, error, old):
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error):
        break_off(tmp_path / "a.bin", error)
    assert contents(tmp_path) == old


def test_an_error_while_it_is_put_in_place_leaves_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        write_text(tmp_path / "a.txt", ["new"])
    assert contents(tmp_path) == {}


def test_missing_folders_are_made(tmp_path):
    write_text(tmp_path / "deep" / "er" / "a.txt", ["x"])
    assert (tmp_path / "deep" / "er" / "a.txt").read_bytes() == b"x\n"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
@pytest.mark.parametrize("exists", [False, True])
def test_permissions_follow_the_umask_and_leave_it_as_it_is(tmp_path, umask, mask, exists):
    umask(mask)
    path = tmp_path / "a.txt"
    if exists:
        path.touch(mode=0o600)
    write_text(path, ["x"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    assert umask(mask) == mask


def test_text_is_utf_8_with_one_line_end_a_line(tmp_path):
    write_text(tmp_path / "a.txt", (line for line in ["naïve", "", "b"]))
    assert (tmp_path / "a.txt").read_bytes() == "naïve\n\nb\n".encode()


def test_an_error_in_the_lines_leaves_the_old_text(tmp_path):
    def lines():
        yield "new"
        raise Broken

    write_text(tmp_path / "a.txt", ["old"])
    with pytest.raises(Broken):
        write_text(tmp_path / "a.txt", lines())
    assert contents(tmp_path) == {"a.txt": b"old\n"}


def write_half_and_wait(path):
    """Return the process that does so; it takes the place of one that is killed while it writes."""
    told, tells = os.pipe()
    process = os.fork()
    if not process:
        with whole_file(path):
            os.write(tells, b".")
            time.sleep(60)
    os.read(told, 1)
    return process


@pytest.mark.parametrize("name", ["a.bin", "[a].bin", "*"])
def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path, name):
    path = tmp_path / "out" / name
    process = write_half_and_wait(path)
    write_text(path, ["mine"])
    assert len(contents(path.parent)) == 2
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    assert len(contents(path.parent)) == 2
    other = path.with_name(f".{name}.of-somebody")
    other.touch()
    write_text(path, ["again"])
    assert contents(path.parent) == {name: b"again\n", other.name: b""}


def test_what_killed_processes_left_in_a_folder_is_removed_whatever_they_wrote(tmp_path):
    processes = [write_half_and_wait(tmp_path / name) for name in ("a", "b.bin")]
    (tmp_path / ".b.bin.0123456789abcdeX").touch()
    os.kill(processes[0], signal.SIGKILL)
    os.waitpid(processes[0], 0)
    remove_abandoned(tmp_path)
    assert sorted(name.rpartition(".")[0] for name in contents(tmp_path)) == [".b.bin", ".b.bin"]
    os.kill(processes[1], signal.SIGKILL)
    os.waitpid(processes[1], 0)
    remove_abandoned(tmp_path)
    assert contents(tmp_path) == {".b.bin.0123456789abcdeX": b""}
    remove_abandoned(tmp_path / "nowhere")


def hold_and_wait(folder):
    told, tells = os.pipe()
    process = os.fork()
    if not process:
        held = hold(folder)
        os.write(tells, b"." if held else b"!")
        time.sleep(60)
    assert os.read(told, 1) == b"."
    return process


def test_one_process_has_a_folder_until_it_is_killed_or_lets_it_go(tmp_path):
    folder = tmp_path / "deep" / "er"
    process = hold_and_wait(folder)
    assert hold(folder) is None
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    held = hold(folder)
    assert held is not None
    assert hold(folder) is None
    (folder / "a").touch()
    held.let_go()
    again = hold(folder)
    assert again is not None
    (folder / "a").unlink()
    again.let_go()
    assert not folder.exists()


def test_files_that_are_written_at_the_same_time_are_whole(tmp_path):
    texts = ["x" * size for size in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write_text(tmp_path / "a.txt", [texts[number % 4]]), range(100)))
    assert (tmp_path / "a.txt").read_text().strip() in texts
    assert len(contents(tmp_path)) == 1


def test_an_error_names_the_file(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a.txt", tmp_path / ("x" * 250)):
        with pytest.raises(OSError) as raised:  # noqa: PT011
            write_text(path, ["x"])
        assert what_failed(raised.value).startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["plain", "[a]", "a*", "?"])
def test_the_files_of_a_domain_are_found_whatever_its_name(tmp_path, name):
    for ending in ("inter", "item", "card.json", "text.npz"):
        (tmp_path / f"{name}.{ending}").touch()
    (tmp_path / "a.inter").touch()
    assert [path.name for path in domain_files(tmp_path, name)] == [
        f"{name}.{e}" for e in ("inter", "item", "text.npz")
    ]


def write_frame_of_no_room(path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with whole_file(path) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        try:
            pl.DataFrame({"a": range(10_000)}).write_parquet(file)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_polars_cannot_write_is_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="File too large") as caught:
        write_frame_of_no_room(path)
    assert caught.value.filename == str(path)
    assert contents(tmp_path) == {"a.parquet": b"before"}
