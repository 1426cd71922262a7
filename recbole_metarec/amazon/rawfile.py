"""Raw files as blocks of lines: compressed or not, never whole in memory, their checksum on the way."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from recbole_metarec.errors import UserError
from recbole_metarec.progress import Lines, bar

CHUNK = 1 << 20
BLOCK = 4 << 20
LONGEST_LINE = 64 << 20

_FOREIGN = {
    b"PK\x03\x04": "a zip archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "zstd data; unpack it first",
    b"BZh": "bzip2 data; unpack it first",
    b"\xfd7zXZ": "xz data; unpack it first",
    b"PAR1": "a parquet file; use the .jsonl.gz or .csv.gz of the same category",
    b"<!DOCTYPE": "a web page, most likely a failed download; download it again",
    b"<!doctype": "a web page, most likely a failed download; download it again",
    b"<html": "a web page, most likely a failed download; download it again",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself with `git lfs pull`",
}


@dataclass
class RawFile:
    """A raw file, read once from its beginning to its end.

    Parameters
    ----------
    path : Path
        Gzip or plain text; the content decides, not the name.
    progress : bool
        Whether to show a progress bar.

    Attributes
    ----------
    sha256 : str
        Checksum of the file as it is stored, once all blocks are read.
    size : int
        Its bytes as stored.
    """

    path: Path
    progress: bool = False
    sha256: str = field(default="", init=False)
    size: int = field(default=0, init=False)

    def blocks(self) -> Iterator[list[bytes]]:
        """Iterate over the lines, some megabytes of them at a time.

        Yields
        ------
        list of bytes
            Lines without their ends; blank ones among them.

        Raises
        ------
        UserError
            If the file is missing, unreadable, damaged, or no text of lines.
        """
        rest = b""
        for data in self._blocks_of_bytes():
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            if len(rest) > LONGEST_LINE:
                raise UserError(
                    [f"{self.path}: a line has more than {LONGEST_LINE >> 20} MiB; this is no text of lines"]
                )
            yield lines
        if rest:
            yield [rest]

    def _blocks_of_bytes(self) -> Iterator[bytes]:
        parts: list[bytes] = []
        n_bytes = 0
        for data in self._text():
            parts.append(data)
            n_bytes += len(data)
            if n_bytes >= BLOCK:
                yield b"".join(parts)
                parts, n_bytes = [], 0
        yield b"".join(parts)

    def _text(self) -> Iterator[bytes]:
        chunks = self._stored()
        first = next(chunks, b"")
        if not first:
            raise UserError([f"{self.path}: the file is empty"])
        for magic, what in _FOREIGN.items():
            if first.lstrip(b"\xef\xbb\xbf\r\n\t ").startswith(magic):
                raise UserError([f"{self.path}: this is {what}"])
        if first.startswith(b"\x1f\x8b"):
            yield from self._unzipped(first, chunks)
        else:
            yield first.removeprefix(b"\xef\xbb\xbf")
            yield from chunks

    def _unzipped(self, first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
        unzip: Any = zlib.decompressobj(31)
        data = first
        try:
            while True:
                yield unzip.decompress(data, BLOCK)
                data = unzip.unconsumed_tail
                if unzip.eof:
                    # gzip files may be strung together, and may end in zeros
                    data = unzip.unused_data.lstrip(b"\0") or next(chunks, b"").lstrip(b"\0")
                    if not data:
                        return
                    unzip = zlib.decompressobj(31)
                elif not data:
                    data = next(chunks, b"")
                    if not data:
                        break
        except zlib.error as error:
            raise UserError([f"{self.path}: damaged gzip data ({error}); download it again"]) from None
        raise UserError([f"{self.path}: the gzip data break off, the download was not complete; download it again"])

    def _stored(self) -> Iterator[bytes]:
        checksum = hashlib.sha256()
        try:
            with self.path.open("rb", buffering=0) as file, self._bar() as shown:
                while chunk := file.read(CHUNK):
                    checksum.update(chunk)
                    self.size += len(chunk)
                    shown.update(len(chunk))
                    yield chunk
        except OSError as error:
            raise UserError([f"{self.path}: {(error.strerror or str(error)).lower()}"]) from None
        self.sha256 = checksum.hexdigest()

    def _bar(self) -> tqdm[Any] | Lines:
        return bar(
            desc=self.path.name,
            total=self.path.stat().st_size,
            unit="B",
            unit_scale=True,
            show=self.progress,
            leave=False,
        )


def head(path: Path, n_lines: int = 1000) -> list[bytes]:
    """Read the first lines that are not blank.

    Parameters
    ----------
    path : Path
        A raw file.
    n_lines : int
        Most lines to return; a file with long lines may give fewer.

    Returns
    -------
    list of bytes

    Raises
    ------
    UserError
        As `RawFile.blocks`, or if there is no such line.
    """
    for lines in RawFile(path).blocks():
        found = [line for line in lines if line.strip()][:n_lines]
        if found:
            return found
    raise UserError([f"{path}: no line but blank ones"])
