"""Download the public files: resumed where a transfer broke off, complete or not there at all."""

from __future__ import annotations

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from recbole_metarec.amazon.vintages import Kind, Vintage, address
from recbole_metarec.errors import UserError, noting
from recbole_metarec.progress import bar

CHUNK = 1 << 18
_PASSING = (http.client.HTTPException, urllib.error.URLError, ConnectionError, TimeoutError)


def download(
    vintage: Vintage,
    category: str,
    kinds: Sequence[Kind] = ("ratings", "meta"),
    *,
    raw_path: Path | str = "raw",
    progress: bool = False,
) -> list[Path]:
    """Fetch files of one category; those that are there already are left alone.

    Parameters
    ----------
    vintage : int
        2014, 2018 or 2023.
    category : str
        A category in the dumps' spelling.
    kinds : sequence of str
        Some of ``reviews``, ``5core``, ``ratings`` and ``meta``.
    raw_path : path
        Files go to ``raw_path/vintage``.
    progress : bool
        Whether to show sizes and progress bars.

    Returns
    -------
    list of Path
        The files, in the order of ``kinds``.

    Raises
    ------
    UserError
        If some cannot be fetched: one line for each, with its address and where to put it by hand.
    """
    paths: list[Path] = []
    problems: list[str] = []
    for kind in kinds:
        url = address(vintage, kind, category)
        paths.append(Path(raw_path) / str(vintage) / file_name(vintage, kind, url))
        with noting(problems):
            fetch(url, paths[-1], progress=progress)
    if problems:
        raise UserError(problems)
    return paths


def file_name(vintage: Vintage, kind: Kind, url: str) -> str:
    """Name of a file on the disk: that of the address, but 2023's 5-core ratings are told from all ratings."""
    name = url.rpartition("/")[2]
    return name.replace(".csv", "_5.csv") if (vintage, kind) == (2023, "5core") else name


def fetch(url: str, path: Path, *, progress: bool = False, retries: int = 3, timeout: float = 30) -> Path:
    """Download one file.

    What has come stands in ``<path>.part`` until it is complete; a further call goes on from there if the server can
    and the file there is still the same, else it begins anew.

    Parameters
    ----------
    url : str
        Its address.
    path : Path
        Where it goes; if it is there, nothing is done.
    progress : bool
        Whether to show the size and a progress bar.
    retries : int
        How often to go on after the connection broke off.
    timeout : float
        Seconds to wait for the server.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    UserError
        If it cannot be fetched, with its address and where to put it by hand.
    """
    if path.exists():
        return path
    for attempt in range(retries + 1):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _transfer(url, path, progress, timeout)
            return path
        except urllib.error.HTTPError as error:
            raise _failure(url, path, f"the server answers {error.code} {error.reason}") from None
        except _PASSING as error:
            if attempt == retries or _is_offline(error):
                reason = getattr(error, "reason", error)
                text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
                raise _failure(url, path, text) from None
            time.sleep(min(2**attempt / 4, 5))
        except OSError as error:
            raise UserError([f"{path}: cannot write: {(error.strerror or str(error)).lower()}"]) from None
    raise AssertionError("the last attempt returns or raises")


def _is_offline(error: Exception) -> bool:
    return isinstance(error, urllib.error.URLError) and not isinstance(error.reason, (ConnectionError, TimeoutError))


def _failure(url: str, path: Path, reason: str) -> UserError:
    part = _part(path)
    kept = f" ({part.stat().st_size:,} bytes are kept, run again to go on)" if part.exists() else ""
    return UserError([f"{url}: {reason}{kept}; or download it elsewhere and put it at {path}"])


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _tag(path: Path) -> Path:
    return path.with_name(f"{path.name}.part.tag")


def _transfer(url: str, path: Path, progress: bool, timeout: float) -> None:
    part, tag = _part(path), _tag(path)
    done = part.stat().st_size if part.exists() and tag.exists() else 0
    headers = {"User-Agent": "recbole-metarec", "Accept-Encoding": "identity"}
    if done:
        # the server sends everything if the file has changed since
        headers |= {"Range": f"bytes={done}-", "If-Range": tag.read_text(encoding="utf-8")}
    try:
        reply = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not done:
            raise
        part.unlink()  # there is more of it here than there
        return _transfer(url, path, progress, timeout)
    with reply:
        if reply.status != 206:
            done = 0
        size = _full_size(reply, done)
        _remember(tag, reply)
        _receive(reply, part, done, size, path.name, progress)
    if size is not None and part.stat().st_size != size:
        raise http.client.IncompleteRead(b"", size - part.stat().st_size)
    os.replace(part, path)
    tag.unlink(missing_ok=True)


def _full_size(reply: Any, done: int) -> int | None:
    """Size of the whole file as the server gives it, if it does."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", reply.headers.get("Content-Range", ""))
    if span and int(span[1]) == done:
        return int(span[2])
    length = reply.headers.get("Content-Length")
    return done + int(length) if length else None


def _remember(tag: Path, reply: Any) -> None:
    mark = reply.headers.get("ETag", "")
    mark = mark if mark.startswith('"') else reply.headers.get("Last-Modified", "")
    if mark:
        tag.write_text(mark, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _receive(reply: Any, part: Path, done: int, size: int | None, name: str, progress: bool) -> None:
    shown = bar(desc=name, total=size, initial=done, unit="B", unit_scale=True, show=progress)
    with part.open("r+b" if done else "wb") as file, shown:
        file.seek(done)
        while chunk := reply.read(CHUNK):
            file.write(chunk)
            shown.update(len(chunk))
        file.truncate()
        with suppress(OSError):  # a pipe or a special disk cannot
            os.fsync(file.fileno())
