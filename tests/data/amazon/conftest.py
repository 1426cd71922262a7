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


def review(user: str, item: str, time: int = 1_400_000_000, rating: float = 5.0, **more: object) -> dict[str, object]:
    return {"reviewerID": user, "asin": item, "overall": rating, "unixReviewTime": time, "verified": True, **more}


def review_of_2023(user: str, item: str, time: int, rating: float = 4.0) -> dict[str, object]:
    return {"rating": rating, "asin": "variant", "parent_asin": item, "user_id": user, "timestamp": time}


def rows_of(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
