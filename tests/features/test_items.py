"""What ``.item`` files say, and buckets of prices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_metarec.errors import UserError
from recbole_metarec.features.item_files import ItemFiles
from recbole_metarec.features.items import read_items
from recbole_metarec.features.modalities import Sharing, SuiteItems
from recbole_metarec.features.modalities.price import N_BUCKETS, Price, price_buckets
from recbole_metarec.features.modalities.text import Text
from recbole_metarec.settings.features import FeatureSettings

HEADER = "item_id:token\ttitle:token_seq\tbrand:token\tprice:float\timage:token_seq"


FIELDS = FeatureSettings(text_fields=["title", "categories", "brand"])


def read(path: Path) -> pd.DataFrame:
    return read_items(ItemFiles(path.parent.parent), path.parent.name, FIELDS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Item file of a domain."""
    (tmp_path / "d").mkdir()
    return tmp_path / "d" / "d.item"


def suite_of(path: Path) -> SuiteItems:
    return SuiteItems("d", [], [], Sharing(), ItemFiles(path.parent.parent), lambda name: read(path))


def test_fields_are_joined_and_blanks_are_missing(path: Path) -> None:
    path.write_text(f'{HEADER}\na\tred "saw\tAcme\t9.99\thttp://x/1.jpg 2.png\nb\t\t\t\t\nc\tfile\t\t0\t\n')
    cells = read(path).reindex(["c", "unknown", "b", "a"], fill_value="")
    assert Text(FIELDS, suite_of(path)).texts(cells) == ["file", "", "", 'red "saw  Acme']
    assert Price(FIELDS, suite_of(path)).values("d", cells).values.tolist() == [1, 0, 0, 11]
    assert cells["image"].tolist() == ["", "", "", "http://x/1.jpg 2.png"]


def test_a_file_may_lack_fields_or_be_missing(path: Path) -> None:
    assert read(path).empty
    path.write_text("item_id:token\ttitle:token_seq\nNA\tnull\n")
    cells = read(path)
    assert cells.index.tolist() == ["NA"]
    assert Text(FIELDS, suite_of(path)).texts(cells) == ["null"]
    assert not Price(FIELDS, suite_of(path)).values("d", cells).present.any()


def test_a_column_that_no_setting_names_is_not_read(path: Path) -> None:
    path.write_text(f"{HEADER}\na\tx\ty\t-3\t\n")
    settings = FIELDS.model_copy(update={"price_field": None, "image_field": None})
    cells = read_items(ItemFiles(path.parent.parent), "d", settings)
    assert cells.columns.tolist() == ["item_id", "title", "categories", "brand"]
    assert not Price(settings, suite_of(path)).values("d", cells).present.any()


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
def test_malformed_files_are_refused(path: Path, content: str, message: str) -> None:
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
