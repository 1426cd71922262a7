"""The check of settings, the compact reader and RecBole's own one: each reads the same rows, or the file is refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recbole.data.dataset import Dataset, SequentialDataset

import recbole_metarec  # noqa: F401
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.domains.atomic import read_interactions
from recbole_metarec.errors import UserError

FIELDS = ["user_id", "item_id", "timestamp"]
KINDS = {"user_id": "token", "item_id": "token", "timestamp": "float", "note": "token_seq"}
Row = tuple[str, str, float]

ids = st.sampled_from(["u1", "u2", "é", "x" * 70, "007", "a b", 'a"b', '"a"', '"a""b"', "\x0b", "\u2028", "nil"])
odd_ids = st.sampled_from(["", " ", " u", "u ", "NA", "nan", "None", '"a', '"a"b', "\0", "a\rb", "\ufeff"])
times = st.sampled_from(["1", "-2", "3.5", "1e3", " 4", "1600000000.123456", "1700000000000000000", "+7"])
odd_times = st.sampled_from(["", "x", "nan", "inf", "1,5", "1_0", "0x1", "1700000000000000001", "\u0661", "1e999"])
notes = st.sampled_from(["", "x y", 'a "b"', '"a b"', '"a\t1"', "'"])
odd_notes = st.sampled_from(['"', '"a', "a\t", "\t\t", "a\n", "\r"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a separator and the text of a file; most cells are as they should be."""
    separator = draw(st.sampled_from("\t\t,; |"))
    names = draw(st.permutations([*KINDS]))
    spoilt = draw(st.booleans())
    columns = {
        "user_id": (ids, odd_ids),
        "item_id": (ids, odd_ids),
        "timestamp": (times, odd_times),
        "note": (notes, odd_notes),
    }
    lines = [separator.join(f"{name}:{KINDS[name]}" for name in names)]
    tail = draw(st.sampled_from(["", "", separator, f"{separator}x"])) if spoilt else ""
    for _ in range(draw(st.integers(1, 5))):
        odd = draw(st.sampled_from([*names, *[None] * 8])) if spoilt else None
        cells = [draw(columns[name][name == odd]) for name in names]
        kept = len(cells) - (spoilt and draw(st.integers(0, 9)) == 0)
        lines.append(separator.join(cells[:kept]) + tail)
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\n \n"]))
    return separator, end.join(lines) + draw(st.sampled_from(["", end]))


def oracle(text: str, separator: str) -> list[Row]:
    """Read a file with the csv module alone."""
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    places = [[column.split(":")[0] for column in header].index(field) for field in FIELDS]
    cells = [[row[place] for place in places] for row in rows if "".join(row).strip() or len(row) > 1]
    return [(user, item, float(time)) for user, item, time in cells]


def loaded(kind: type, config: PluginConfig) -> list[Row]:
    """Read a file as a training run does."""
    dataset = kind(config)
    columns = (dataset.inter_feat[field] for field in FIELDS)
    users, items, times = (column.tolist() for column in columns)
    names = (dataset.id2token(field, ids) for field, ids in zip(FIELDS, (users, items), strict=False))
    return list(zip(*(map(str, column) for column in names), times, strict=True))


@settings(deadline=None, max_examples=100)
@given(files())
def test_any_file_is_read_alike_or_refused(tmp_path_factory: pytest.TempPathFactory, file: tuple[str, str]) -> None:
    separator, text = file
    path = tmp_path_factory.mktemp("any") / "shop" / "shop.inter"
    path.parent.mkdir()
    path.write_bytes(text.encode())
    try:
        rows = list(read_interactions(path, FIELDS, separator).itertuples(index=False, name=None))
    except UserError as error:
        problems = error.problems
    else:
        problems = ()
    if problems:
        assert all(line.startswith(f"{path}: ") and "line " in line for line in problems)
        return
    assert rows == oracle(text, separator)
    given_settings = {"data_path": str(path.parent.parent), "field_separator": separator}
    config = PluginConfig("GRU4Rec", "shop", {**given_settings, "load_col": {"inter": FIELDS}})
    for kind in (DomainDataset, SequentialDataset, Dataset):
        assert loaded(kind, config) == rows


@pytest.mark.parametrize("kind", [DomainDataset, SequentialDataset, Dataset])
@pytest.mark.parametrize("suffix", ["inter", "item"])
@pytest.mark.parametrize(
    ("line", "message"), [("a\ti1\t5\t", "more than 3 columns"), ('a\t"i1\t5', "quotation mark begins a cell")]
)
def test_recboles_reader_is_given_no_file_that_it_takes_for_another(
    tmp_path: Path, kind: type, suffix: str, line: str, message: str
) -> None:
    (tmp_path / "shop").mkdir()
    for name in ("inter", "item"):
        first = {
            "inter": "user_id:token\titem_id:token\ttimestamp:float",
            "item": "class:token\titem_id:token\tprice:float",
        }
        rows = [line] * 3 if name == suffix else ["a\ti1\t5", "a\ti2\t6"]
        (tmp_path / "shop" / f"shop.{name}").write_text("\n".join([first[name], *rows]) + "\n")
    load = {"inter": FIELDS, "item": ["item_id", "price"]}
    config = PluginConfig("GRU4Rec", "shop", {"data_path": str(tmp_path), "load_col": load})
    with pytest.raises(UserError, match=rf"shop\.{suffix}: line 2: .*{message}"):
        kind(config)
    config["load_col"]["item"] = []
    if suffix == "item":
        assert len(kind(config).inter_feat) == 2
