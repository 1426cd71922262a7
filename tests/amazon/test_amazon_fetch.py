import hashlib
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from recbole_metarec import progress
from recbole_metarec.amazon import fetch as module
from recbole_metarec.amazon.fetch import download, fetch
from recbole_metarec.cli.main import main
from recbole_metarec.errors import UserError

DATA = os.urandom(700_000)


class Server(ThreadingHTTPServer):
    """Serves DATA at every address, as badly as it is told to."""

    ranges = True  # understands Range
    breaks = 0  # how many replies break off after 300 kB
    sizes = True  # says how much there is
    etag = '"1"'
    data = DATA
    missing = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that leave early."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/meta_Gift_Cards.json.gz"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers.get("Range", ""))
        if server.missing:
            return self.send_error(404)
        start = 0
        span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if span and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(span[1])
            if start >= len(server.data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.data)}")
                return self.end_headers()
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{len(server.data)}")
        else:
            self.send_response(200)
        if server.sizes:
            self.send_header("Content-Length", str(len(server.data) - start))
        if server.etag:
            self.send_header("ETag", server.etag)
        self.end_headers()
        body = server.data[start:]
        if server.breaks:
            server.breaks -= 1
            body = body[:300_000]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.time, "sleep", lambda _: None)


def assert_complete(path: Path) -> None:
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(DATA).digest()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_whole(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SECONDS", 0)
    path = fetch(server.url, tmp_path / "a/file.gz", progress=True)
    assert_complete(path)
    assert "700k" in capfd.readouterr().err
    fetch(server.url, path)
    assert len(server.asked) == 1  # what is there is not fetched again


def test_goes_on_within_one_call(server: Server, tmp_path: Path) -> None:
    server.breaks = 2
    assert_complete(fetch(server.url, tmp_path / "file.gz"))
    assert server.asked == ["", "bytes=300000-", "bytes=600000-"]


def test_goes_on_in_the_next_call(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    with pytest.raises(UserError, match=r"300,000 bytes are kept, run again to go on\); or download it elsewhere"):
        fetch(server.url, tmp_path / "file.gz", retries=0)
    assert not (tmp_path / "file.gz").exists()
    assert_complete(fetch(server.url, tmp_path / "file.gz"))
    assert server.asked == ["", "bytes=300000-"]


def test_without_ranges_it_begins_anew(server: Server, tmp_path: Path) -> None:
    server.breaks, server.ranges = 1, False
    assert_complete(fetch(server.url, tmp_path / "file.gz"))
    assert server.asked == ["", "bytes=300000-"]


def test_a_file_that_changed_meanwhile_begins_anew(server: Server, tmp_path: Path) -> None:
    server.breaks = 1
    with pytest.raises(UserError):
        fetch(server.url, tmp_path / "file.gz", retries=0)
    server.etag, server.data = '"2"', DATA[::-1]
    assert fetch(server.url, tmp_path / "file.gz").read_bytes() == DATA[::-1]


def test_without_a_tag_it_begins_anew(server: Server, tmp_path: Path) -> None:
    server.breaks, server.etag = 1, ""
    assert_complete(fetch(server.url, tmp_path / "file.gz"))
    assert server.asked == ["", ""]


def test_a_part_longer_than_the_file(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.gz.part").write_bytes(DATA + b"more")
    (tmp_path / "file.gz.part.tag").write_text(server.etag)
    assert_complete(fetch(server.url, tmp_path / "file.gz"))


def test_a_complete_part_is_checked_by_the_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.gz.part").write_bytes(DATA)
    (tmp_path / "file.gz.part.tag").write_text(server.etag)
    assert_complete(fetch(server.url, tmp_path / "file.gz"))


def test_unknown_size(server: Server, tmp_path: Path) -> None:
    server.sizes = False
    assert_complete(fetch(server.url, tmp_path / "file.gz"))


def test_no_such_file(server: Server, tmp_path: Path) -> None:
    server.missing = True
    path = tmp_path / "file.gz"
    with pytest.raises(UserError) as error:
        fetch(server.url, path)
    assert error.value.problems == (
        f"{server.url}: the server answers 404 Not Found; or download it elsewhere and put it at {path}",
    )
    assert list(tmp_path.iterdir()) == []


def test_offline_is_one_line_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise module.urllib.error.URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr(module.urllib.request, "urlopen", offline)
    assert main(["amazon", "prepare", "--vintage=2018", "--category=gift_cards", f"--raw_path={tmp_path}"]) == 2
    lines = capsys.readouterr().err.replace("error: ", "").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(
        "https://mcauleylab.ucsd.edu/public_datasets/data/amazon_v2/metaFiles2/meta_Gift_Cards.json.gz: "
    )
    assert ".gz: Name or service not known; or download" in lines[1]
    assert lines[1].endswith(f"download it elsewhere and put it at {tmp_path}/2018/meta_Gift_Cards.json.gz")


def test_a_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_receive", full)
    with pytest.raises(UserError, match="cannot write: no space left on device"):
        fetch(server.url, tmp_path / "file.gz")


def test_download_and_prepare(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.data = b"0205616461,A39HTATAQ9V7YF,5.0,1369699200\n"
    monkeypatch.setattr(module, "address", lambda vintage, kind, category: f"{server.url}/{category}.csv")
    flags = ["--vintage=2018", "--category=amazon-gift-cards-18", f"--raw_path={tmp_path}/raw"]
    assert main(["amazon", "download", *flags, "--kind=ratings"]) == 0
    assert "Gift_Cards.csv  41 bytes" in capsys.readouterr().out
    assert main(["amazon", "prepare", *flags, f"--output={tmp_path}"]) == 2  # the "metadata" are ratings
    assert "not metadata" in capsys.readouterr().err


def test_5_core_ratings_of_2023_have_a_name_of_their_own(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "address", lambda vintage, kind, category: f"{server.url}/{category}.csv.gz")
    paths = download(2023, "Software", ("5core", "ratings"), raw_path=tmp_path)
    assert [path.name for path in paths] == ["Software_5.csv.gz", "Software.csv.gz"]
