"""Reading as codes against RecBole's own reading: same rows, ids and tokens, whatever is configured."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from recbole.data.dataset import SequentialDataset

import recbole_metarec  # noqa: F401
from recbole_metarec.bridge import compact
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.errors import UserError

NAME = "shop"
HEADER = "user_id:token\titem_id:token\ttimestamp:float\trating:float\tshelf:token\tnote:token_seq"
BASIC = ["user_id", "item_id", "timestamp"]


def draw_lines(seed=0, n=150):
    """Lines in no order of time, with repeated pairs, equal times, and users of very different length."""
    rng = random.Random(seed)
    return [
        "\t".join(
            (
                f"u{int(rng.paretovariate(0.6)) % 20}",
                f"i{int(rng.paretovariate(0.5)) % 25:02}",
                str(1_600_000_000_000 + rng.randrange(40) * 700),
                rng.choice(["0.5", "1.0", "4.5"]),
                rng.choice("abc"),
                " ".join(rng.sample("xyz", 2)),
            )
        )
        for _ in range(n)
    ]


def write(root, lines, header=HEADER, end="\n", encoding="utf-8", suffix="inter"):
    (root / NAME).mkdir(exist_ok=True)
    (root / NAME / f"{NAME}.{suffix}").write_bytes("".join(line + end for line in (header, *lines)).encode(encoding))


def config(root, fields=BASIC, **options):
    options = {"load_col": {"inter": fields}, **options}
    return PluginConfig("GRU4Rec", NAME, {"data_path": str(root), "MAX_ITEM_LIST_LENGTH": 60, **options})


def outcome(dataset_class, settings):
    try:
        dataset = dataset_class(settings)
        return dataset, dataset.build()
    except Exception as error:
        return type(error), str(error)


def assert_as_recbole(settings):
    """Compare everything a model can see of the data; return our dataset, or None where both refuse the data."""
    (ours, our_splits), (stock, stock_splits) = (outcome(kind, settings) for kind in (DomainDataset, SequentialDataset))
    if isinstance(stock, type):
        assert (ours, our_splits) == (stock, stock_splits)
        return None
    assert not isinstance(ours, type), our_splits
    for name in ("field2type", "field2source", "field2seqlen", "field2bucketnum", "field2token_id"):
        assert getattr(ours, name) == getattr(stock, name), name
    assert ours.field2id_token.keys() == stock.field2id_token.keys()
    for field, tokens in stock.field2id_token.items():
        assert ours.field2id_token[field].dtype == tokens.dtype
        assert (ours.field2id_token[field] == tokens).all()
    for name in ("user_feat", "item_feat"):
        if getattr(stock, name) is not None:
            assert_same_columns(getattr(ours, name), getattr(stock, name))
    for mine, theirs in zip(our_splits, stock_splits, strict=True):
        assert len(mine) == len(theirs)
        if len(theirs):
            assert_same_columns(mine.inter_feat.whole(), theirs.inter_feat)
    assert_domain_is_recboles(settings)
    return ours


def assert_same_columns(ours, stock):
    for field in stock:
        assert ours[field].dtype == stock[field].dtype, field
        assert torch.equal(ours[field], stock[field]), field


def assert_domain_is_recboles(settings):
    stock = SequentialDataset(settings)
    stock._change_feat_format()
    rows, sequences = stock.inter_feat, {}
    for user, items, length, item in zip(
        rows["user_id"].tolist(),
        rows["item_id_list"].tolist(),
        rows["item_length"].tolist(),
        rows["item_id"].tolist(),
        strict=True,
    ):
        sequences[user] = [*items[:length], item]
    if any(0 in sequence for sequence in sequences.values()):
        # RecBole drops the wrong lines where some lack a user and others an item
        with pytest.raises(UserError, match="item ids must lie between"):
            load_domain(settings)
        return
    domain = load_domain(settings)
    assert [sequence.tolist() for sequence in domain] == [sequences[user] for user in sorted(sequences)]
    assert (domain.n_items, domain.items.dtype) == (stock.item_num - 1, np.int32)


@pytest.fixture
def reads(monkeypatch):
    """Count the interaction files that were read as codes."""
    found = []
    read = compact.read_plain

    def counted(*arguments):
        frame = read(*arguments)
        found.append(frame)
        return frame

    monkeypatch.setattr(compact, "read_plain", counted)
    return found


def split(how, order="TO"):
    return {"split": how, "order": order, "group_by": "user", "mode": "full"}


CONFIGURATIONS = {
    "plain": {},
    "all columns of one value": {"fields": [*BASIC, "rating", "shelf"]},
    "all columns but some": {"load_col": None, "unload_col": {"inter": ["note", "rating"]}},
    "fewer users": {"user_inter_num_interval": "[5,inf)"},
    "fewer items": {"item_inter_num_interval": "[4,inf)"},
    "core": {"user_inter_num_interval": "[4,inf)", "item_inter_num_interval": "[4,inf)"},
    "two intervals": {"user_inter_num_interval": "(8,20];[2,4)", "item_inter_num_interval": "[2,40)"},
    "no intervals": {"user_inter_num_interval": None, "item_inter_num_interval": None},
    "nothing left": {"user_inter_num_interval": "[1000,inf)"},
    "first of a pair": {"rm_dup_inter": "first"},
    "last of a pair": {"rm_dup_inter": "last", "item_inter_num_interval": "[3,inf)"},
    "values": {"fields": [*BASIC, "rating", "shelf"], "val_interval": {"rating": "[1,4.5]", "shelf": ["a", "c"]}},
    "users by name": {"val_interval": {"user_id": ["u1", "u2", "u3"]}},
    "labels": {"fields": [*BASIC, "rating"], "threshold": {"rating": 1}},
    "normalized": {"fields": [*BASIC, "rating"], "normalize_all": True},
    "aliases": {"fields": [*BASIC, "shelf"], "alias_of_item_id": ["shelf"]},
    "unused columns": {"fields": [*BASIC, "rating"], "unused_col": {"inter": ["rating"]}},
    "by ratio": {"eval_args": split({"RS": [8, 1, 1]})},
    "by time": {"eval_args": split({"TS": [0.8, 0.1, 0.1]})},
    "one left out": {"eval_args": split({"LS": "test_only"})},
    "an order that is refused": {"eval_args": split({"LS": "valid_only"}, order="RO")},
}
LISTED = {
    "": {"load_col": None, "unload_col": {"inter": ["note"]}},
    "core": {"user_inter_num_interval": "[3,inf)", "item_inter_num_interval": "[3,inf)"},
    "upside down": {"user_inter_num_interval": "[6,30];[1,3]", "item_inter_num_interval": "[5,60];[1,3]"},
    "none dropped": {"filter_inter_by_user_or_item": False},
    "one alias": {"alias_of_item_id": ["like"], "alias_of_user_id": ["friend"]},
    "no intervals": {"user_inter_num_interval": None, "item_inter_num_interval": None},
}


@pytest.mark.parametrize("changes", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_whatever_is_configured_the_data_are_recboles(tmp_path, reads, changes):
    write(tmp_path, draw_lines())
    assert_as_recbole(config(tmp_path, **changes))
    assert reads


@pytest.mark.parametrize("changes", LISTED.values(), ids=LISTED.keys())
def test_with_files_of_users_and_items_the_data_are_recboles(tmp_path, reads, changes):
    write(tmp_path, draw_lines())
    users = [f"u{n}\t{n}\tu{n + 1}" for n in (3, 1, 2, 99, 0, 5, 7, 8)]
    write(tmp_path, users, "user_id:token\tage:float\tfriend:token", suffix="user")
    items = [f"i{n:02}\ta b\ti{n % 4:02} i77" for n in range(20, 0, -1)]
    write(tmp_path, [*items, "i99\t\t"], "item_id:token\twords:token_seq\tlike:token_seq", suffix="item")
    load = {"inter": BASIC, "user": ["user_id", "age", "friend"], "item": ["item_id", "words", "like"]}
    assert_as_recbole(config(tmp_path, **{"load_col": load, **changes}))
    assert reads


FILES = {
    "line ends of Windows": ({"end": "\r\n"}, True),
    "line ends of old Macintoshes": ({"end": "\r"}, False),
    "blank lines": ({"end": "\n\n"}, True),
    "another encoding": ({"encoding": "utf-16"}, False),
}


@pytest.mark.parametrize(("options", "compactly"), FILES.values(), ids=FILES.keys())
def test_files_of_other_systems_are_recboles(tmp_path, reads, options, compactly):
    write(tmp_path, draw_lines(n=60), **options)
    assert_as_recbole(config(tmp_path, encoding=options.get("encoding")))
    assert bool(reads) == compactly


ODD = ["u1\tNA\t1\t1\ta\tx", "None\ti1\t1\t1\ta\tx", '"u1"\ti1\t1\t1\ta\tx', "u1\t\t1\t1\ta\tx", "u1\ti1"]
ODD += ["u1\ti1\t1e3\t1\ta\tx", " u1\ti'1\t1\t\ta\tx", "é\t\u2028x\t1\t1\ta\tx"]


@pytest.mark.parametrize("line", ODD)
@pytest.mark.parametrize("fields", [BASIC, [*BASIC, "rating"]])
def test_odd_lines_mean_what_they_mean_to_recbole(tmp_path, line, fields):
    lines = draw_lines(n=60)
    lines[30:30] = [line]
    write(tmp_path, lines)
    assert_as_recbole(config(tmp_path, fields))


def test_lists_and_numerical_features_go_recboles_way(tmp_path):
    write(tmp_path, draw_lines(n=60))
    assert_as_recbole(config(tmp_path, [*BASIC, "note"]))
    assert_as_recbole(config(tmp_path, [*BASIC, "rating"], numerical_features=["rating"]))


words = st.sampled_from(["a", "b", "ab", "é", "x" * 9, "nil", "null", "7", " c ", "NA "])
stamps = st.one_of(
    st.integers(-3, 9).map(str), st.integers(0, 9).map(lambda n: f"1600000000{n}00"), st.floats(-9, 9).map(repr)
)
intervals = st.sampled_from([None, "[0,inf)", "[2,inf)", "[3,inf)", "(1,4]", "[1,2];[4,5]", "[4,9];[1,2]"])


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(words, words, stamps), min_size=1, max_size=25),
    user=intervals,
    item=intervals,
    repeated=st.sampled_from([None, "first", "last"]),
)
@example(  # of which RecBole drops the last line in place of the one without an item
    rows=[("a", "a", "0"), ("null", "a", "0"), ("a", "null", "0"), ("a", "a", "0")], user=None, item=None, repeated=None
)
def test_any_file_is_read_as_recbole_reads_it(tmp_path_factory, rows, user, item, repeated):
    root = tmp_path_factory.mktemp("any")
    write(root, map("\t".join, rows), "user_id:token\titem_id:token\ttimestamp:float")
    options = {"user_inter_num_interval": user, "item_inter_num_interval": item, "rm_dup_inter": repeated}
    assert_as_recbole(config(root, **options))


def test_a_plain_file_is_not_read_by_pandas(tmp_path, monkeypatch):
    write(tmp_path, draw_lines())
    monkeypatch.setattr("pandas.read_csv", None)
    assert load_domain(config(tmp_path)).n_interactions > 0


def test_filters_that_leave_nothing_are_a_users_mistake(tmp_path):
    write(tmp_path, draw_lines())
    with pytest.raises(UserError, match="RecBole refuses the data"):
        load_domain(config(tmp_path, user_inter_num_interval="[1000,inf)"))
