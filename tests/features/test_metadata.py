"""What ``.item`` files say, and buckets of prices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recbole_metarec.features.metadata import of_items, read_metadata
from recbole_metarec.features.price import N_BUCKETS, price_buckets

from recbole_metarec.errors import UserError

HEADER = "item_id:token\ttitle:token_seq\tbrand:token\tprice:float\timage:token_seq"


def read(
    path: Path, fields: tuple[str, ...] = ("title", "categories", "brand")
) -> dict[str, tuple[str, float, list[str]]]:
    return read_metadata(path, "item_id", fields, "price", "image")


def test_fields_are_joined_and_blanks_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "d.item"
    path.write_text(f'{HEADER}\na\tred "saw\tAcme\t9.99\thttp://x/1.jpg 2.png\nb\t\t\t\t\nc\tfile\t\t0\t\n')
    metadata = of_items(read(path), ["c", "unknown", "b", "a"])
    assert metadata.texts == ["file", "", "", 'red "saw  Acme']
    np.testing.assert_array_equal(metadata.prices, [0, np.nan, np.nan, 9.99])
    assert metadata.images == [[], [], [], ["http://x/1.jpg", "2.png"]]


def test_a_file_may_lack_fields_or_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "d.item"
    path.write_text("item_id:token\ttitle:token_seq\nNA\tnull\n")
    metadata = of_items(read(path), ["NA"])
    assert metadata.texts == ["null"]
    assert np.isnan(metadata.prices).all()
    assert read(tmp_path / "nothing.item") == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title:token_seq\nx\n", "field 'item_id' is missing"),
        (f"{HEADER}\na\tx\ty\t-3\t\n", "line 2: price -3.0 must be 0 or more"),
        (f"{HEADER}\na\tx\ty\t3\t\tz\n", "line 2: more than 5 columns"),
        (f"{HEADER}\na\tx\ty\t3\t\nb\t\t\t\t\na\tz\ty\t3\t\n", "line 4: item a stands there twice"),
        (f"{HEADER}\na\tx\ty\t3\t\na\tx\ty\t3\t\n", "line 3: item a stands there twice"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "d.item"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read(path)


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_buckets_rise_with_the_price_two_for_each_doubling(low: float, high: float) -> None:
    low, high = sorted((low, high))
    buckets = price_buckets(np.array([low, high, np.nan]))
    assert 1 <= buckets[0] <= buckets[1] <= N_BUCKETS
    assert buckets[2] == 0
    if low >= 0.25 and buckets[1] < N_BUCKETS:
        doubled = price_buckets(np.array([2 * low]))[0]
        assert doubled == min(buckets[0] + 2, N_BUCKETS)


def test_the_first_bucket_ends_at_thirty_five_cents() -> None:
    prices = np.array([0, 0.2, 0.3, 0.36, 0.5, 1.0, 1e9])
    assert price_buckets(prices).tolist() == [1, 1, 1, 2, 3, 5, N_BUCKETS]
