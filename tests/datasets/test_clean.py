import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.datasets.clean import clean_text, image_addresses, parse_price


@pytest.mark.parametrize(
    ("value", "price"),
    [
        ("$1,299.00", 1299.0),
        ("1299", 1299.0),
        (12.99, 12.99),
        (5, 5.0),
        ("$12.99 - $24.99", 12.99),
        ("12.99 - 24.99", 12.99),
        ("$24.99 to $12.99", 12.99),
        ("12.99–24.99", 12.99),  # noqa: RUF001
        ("from 9.99", 9.99),
        ("From: $9.99", 9.99),
        (" $ 7.50 ", 7.5),
        ("US$3.00", 3.0),
        (".99", 0.99),
        ("$0.00", 0.0),
        ("$1,234,567.89", 1234567.89),
        (None, None),
        ("", None),
        ("None", None),
        ("—", None),
        (float("nan"), None),
    ],
)
def test_prices(value: object, price: float | None) -> None:
    assert parse_price(value) == price


@pytest.mark.parametrize(
    "value",
    [
        ".a-box-inner{background-color:#fff}#alohaBuyBoxWidget .selected",
        "<span>$5.00</span>",
        "€5.00",
        "-5",
        -5.0,
        "5 6",
        "1.299,00",
        "12,99",
        "$5.00 each ($0.50 / Ounce)",
        True,
        [5],
        float("inf"),
        "1" * 400,
    ],
)
def test_what_is_no_price(value: object) -> None:
    with pytest.raises(ValueError, match="no price"):
        parse_price(value)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.floats(), st.integers(), st.none(), st.lists(st.text())))
def test_prices_are_a_number_or_none_or_refused(value: object) -> None:
    try:
        price = parse_price(value)
    except ValueError:
        return
    assert price is None or 0 <= price < 1e9


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('15.6" laptop\tbag', "15.6'' laptop bag"),
        ("Lowe&#39;s &amp;amp; Co", "Lowe's & Co"),
        ("<b>Bold</b><br />move <!-- no --> 3 < 4 > 2", "Bold move 3 < 4 > 2"),
        ("<script>var x = '<b>';</script>Soap<style>.a{b:c}</style>", "Soap"),
        ('Soap <div class="a-section a-spa', "Soap"),
        (["a", ["b\r\n", None, 3], "c"], "a b c"),
        ("a\x00b\u2028c\u200bd\ufeff", "a b c d"),
        ("caf\u00e9 \ud800", "caf\u00e9"),
        ("var aPageStart = (new Date()).getTime();", ""),
        (".a-box-inner{background-color:#fff}", ""),
        ("Auto function (press): {sic}", "Auto function (press): {sic}"),
        (None, ""),
        (7, ""),
    ],
)
def test_texts(value: object, text: str) -> None:
    assert clean_text(value) == text


def test_long_texts() -> None:
    assert clean_text("one two three", 9) == "one two"
    assert clean_text("one two three", 7) == "one two"
    assert clean_text("onetwothree", 5) == "onetw"
    assert clean_text("one two three", 9, "drop") == ""
    assert clean_text("one two", 7, "drop") == "one two"


@settings(max_examples=500, deadline=None)
@given(st.text(), st.integers(0, 20))
def test_texts_survive_the_reader(value: str, limit: int) -> None:
    text = clean_text(value, limit)
    assert not limit or len(text) <= limit
    line = f"B1\t{text}\t1.0\n"
    assert list(csv.reader(io.StringIO(line), delimiter="\t")) == [["B1", text, "1.0"]]
    assert text == " ".join(text.split())


def test_images() -> None:
    good = "https://images-na.ssl-images-amazon.com/images/I/41.jpg"
    none = "http://g-ecx.images-amazon.com/images/G/01/x-site/icons/no-img-sm._CB192198896_.gif"
    assert image_addresses([good, good, none, "ftp://a", "https://a b", None, 'https://a"', "https://b.c/d"], 4) == [
        good,
        "https://b.c/d",
    ]
    assert image_addresses([good, "https://b.c/d"], 1) == [good]
