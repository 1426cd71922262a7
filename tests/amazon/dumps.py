"""Lines of dumps, and lines of what becomes of them."""

from pathlib import Path


def review(user: str, item: str, time: int = 1_400_000_000, rating: float = 5.0, **more: object) -> dict[str, object]:
    return {"reviewerID": user, "asin": item, "overall": rating, "unixReviewTime": time, "verified": True, **more}


def review_of_2023(user: str, item: str, time: int, rating: float = 4.0) -> dict[str, object]:
    return {"rating": rating, "asin": "variant", "parent_asin": item, "user_id": user, "timestamp": time}


def rows_of(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[1:]]
