import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data, where there are any."""
    if not SHARED.is_dir():
        pytest.skip("no real data here")
    return SHARED


@pytest.fixture
def dump(tmp_path: Path) -> Callable[..., Path]:
    """Write lines, texts as they are and everything else as JSON, gzipped if the name says so."""

    def write(name: str, lines: Iterable[object]) -> Path:
        path = tmp_path / name
        text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines).encode()
        path.write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)
        return path

    return write
