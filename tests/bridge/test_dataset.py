from __future__ import annotations

import copy
import pickle
import random
from collections import Counter, defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from recbole.data.dataset import SequentialDataset

import recbole_metarec  # noqa: F401
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.bridge.rows import TARGET_ROW, PrefixRows
from recbole_metarec.domains.embedded import PREFIX

NAME = "shop"
HIDDEN = {TARGET_ROW}
LENGTHS = [1, 2, 3, 4, 5, 9, 14, 23, 1, 7, 3, 2]
WINDOWS = [1, 4, 10, 50]


def draw_lines(seed=0):
    """Interactions (user, item, milliseconds, rating) in no order, some of them at the same time."""
    rng = random.Random(seed)
    lines = []
    for user, length in enumerate(LENGTHS):
        time = 1_600_000_000_000 + rng.randrange(10**9)
        for _ in range(length):
            lines.append((f"u{user}", f"i{rng.randrange(15):02}", time, rng.choice([0.5, 1.0, 4.5])))
            # RecBole's float32 tells no times apart that lie closer than two minutes
            time += rng.choice([0, 1, 7, 250, 3_000])
    rng.shuffle(lines)
    return lines


def in_order(lines):
    """Each user's (item, rating) by time and then by line of the file."""
    sequences = defaultdict(list)
    for user, item, _, rating in sorted(lines, key=lambda line: line[2]):
        sequences[user].append((item, rating))
    return sequences


def splits_by_hand(lines, window):
    """Leave-one-out rows (user, items before, target) of the train, validation and test part."""
    parts = [Counter(), Counter(), Counter()]
    for user, sequence in in_order(lines).items():
        items = [item for item, _ in sequence]
        rows = [(user, tuple(items[max(0, n - window) : n]), items[n]) for n in range(1, len(items))]
        held_out = min(2, max(len(rows) - 1, 0))
        for n, row in enumerate(rows):
            left = len(rows) - n
            parts[0 if left > held_out else 3 - left][row] += 1
    return parts


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    root, lines = tmp_path_factory.mktemp("data"), draw_lines()
    (root / NAME).mkdir()
    rows = ["\t".join(map(str, line)) for line in lines]
    header = "user_id:token\titem_id:token\ttimestamp:float\trating:float"
    (root / NAME / f"{NAME}.inter").write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return SimpleNamespace(root=root, lines=lines)


def config(shop, window=4, fields=("user_id", "item_id", "timestamp"), **settings):
    settings = {
        "data_path": str(shop.root),
        "MAX_ITEM_LIST_LENGTH": window,
        "load_col": {"inter": list(fields)},
        **settings,
    }
    return PluginConfig("GRU4Rec", NAME, settings)


def unsplit(dataset_class, settings):
    dataset = dataset_class(settings)
    dataset._change_feat_format()
    return dataset


def assert_same_rows(ours, stock):
    assert set(ours) - HIDDEN == set(stock) - HIDDEN
    for field in stock:
        assert ours[field].dtype == stock[field].dtype, field
        assert torch.equal(ours[field], stock[field]), field


def tokens(dataset, field, ids):
    return tuple(dataset.id2token(field, i) for i in ids)


def rows_in_words(dataset):
    feat = dataset.inter_feat
    fields = "user_id", "item_id_list", "item_length", "item_id"
    users, prefixes, lengths, targets = (feat[field].tolist() for field in fields)
    return Counter(
        (
            dataset.id2token("user_id", user),
            tokens(dataset, "item_id", items[:length]),
            dataset.id2token("item_id", item),
        )
        for user, items, length, item in zip(users, prefixes, lengths, targets, strict=True)
    )


# Against RecBole -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("fields", [("user_id", "item_id", "timestamp"), ("rating", "timestamp", "item_id", "user_id")])
def test_every_row_of_every_split_is_recboles(shop, window, fields):
    settings = config(shop, window, fields)
    splits = zip(DomainDataset(settings).build(), SequentialDataset(settings).build(), strict=True)
    for ours, stock in splits:
        assert len(ours) == len(stock) > 0
        assert_same_rows(ours.inter_feat.whole(), stock.inter_feat)
        assert_same_rows(ours[np.arange(len(ours))], stock[np.arange(len(stock))])


@pytest.mark.parametrize("split", [{"LS": "valid_only"}, {"LS": "test_only"}, {"RS": [0.8, 0.1, 0.1]}])
def test_other_splits_are_recboles_too(shop, split):
    settings = config(shop, eval_args={"split": split, "order": "TO", "group_by": "user", "mode": "full"})
    for ours, stock in zip(DomainDataset(settings).build(), SequentialDataset(settings).build(), strict=True):
        assert len(ours) == len(stock)
        if len(stock):
            assert_same_rows(ours.inter_feat.whole(), stock.inter_feat)


@pytest.mark.parametrize("dataset_class", [DomainDataset, SequentialDataset])
@pytest.mark.parametrize("window", WINDOWS)
def test_sequences_are_ordered_by_exact_time_and_then_by_line(shop, dataset_class, window):
    found = [rows_in_words(split) for split in dataset_class(config(shop, window)).build()]
    assert found == splits_by_hand(shop.lines, window)


def test_the_planted_order_is_one_that_float32_would_lose(shop):
    rounded = [(user, item, float(np.float32(time)), rating) for user, item, time, rating in shop.lines]
    assert in_order(rounded) != in_order(shop.lines)


def test_counts_are_recboles(shop):
    settings = config(shop)
    ours, stock = (unsplit(dataset_class, settings) for dataset_class in (DomainDataset, SequentialDataset))
    for name in ("user_num", "item_num", "inter_num", "avg_actions_of_users", "sparsity"):
        assert getattr(ours, name) == getattr(stock, name), name
    assert ours.item_counter == stock.item_counter
    assert ours.field2seqlen == stock.field2seqlen
    assert ours.field2type == stock.field2type


INDICES = {
    "tensor": lambda rows: torch.tensor([3, 0, 5]),
    "array": lambda rows: np.array([3, 0, 5]),
    "list": lambda rows: [3, 0, 5],
    "slice": lambda rows: slice(2, 9),
    "mask": lambda rows: torch.arange(rows) % 3 == 0,
    "empty list": lambda rows: [],
    "empty array": lambda rows: np.array([], dtype=np.int64),
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES.keys())
def test_rows_are_picked_by_any_index_as_recbole_picks_them(shop, index):
    ours, stock = (kind(config(shop)).build()[0] for kind in (DomainDataset, SequentialDataset))
    index = index(len(stock))
    picked, expected = ours.inter_feat[index], stock.inter_feat[index]
    assert isinstance(picked, PrefixRows)
    assert_same_rows(picked.whole(), expected)
    assert_same_rows(ours[index], stock[index])


def test_one_row_is_picked_as_recbole_picks_it(shop):
    ours, stock = (kind(config(shop)).build()[2] for kind in (DomainDataset, SequentialDataset))
    assert torch.equal(ours.inter_feat[4]["item_id_list"], stock.inter_feat[4]["item_id_list"])
    assert ours.inter_feat[4]["item_id"] == stock.inter_feat[4]["item_id"]


def test_whole_columns_of_prefixes_are_read_as_fearec_reads_them(shop):
    ours, stock = (kind(config(shop)).build()[0] for kind in (DomainDataset, SequentialDataset))
    some = [4, 1, 1]
    for field in ("item_id_list", "timestamp_list", "item_length"):
        assert torch.equal(ours.inter_feat[field][some], stock.inter_feat[field][some])


def test_shuffled_rows_keep_their_prefixes(shop):
    dataset = DomainDataset(config(shop)).build()[0]
    before = rows_in_words(dataset)
    first = dataset.inter_feat["item_id"].clone()
    torch.manual_seed(0)
    dataset.shuffle()
    assert not torch.equal(dataset.inter_feat["item_id"], first)
    assert rows_in_words(dataset) == before


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda feat: pickle.loads(pickle.dumps(feat))])
def test_rows_survive_a_copy(shop, duplicate):
    feat = DomainDataset(config(shop)).build()[0].inter_feat
    again = duplicate(feat)
    assert isinstance(again, PrefixRows)
    assert_same_rows(again.whole(), feat.whole())


def test_memory_does_not_grow_with_the_window(shop):
    def stored(feat):
        return sum(column.numel() for column in [*feat.interaction.values(), *feat.sequences.values()])

    small, large = (unsplit(DomainDataset, config(shop, window)).inter_feat for window in (2, 50))
    assert stored(small) == stored(large) < 10 * len(shop.lines)


# Histories and domains -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("window", [1, 4, 50])
def test_a_history_is_everything_before_the_target_beyond_the_window_too(shop, part, window):
    dataset = DomainDataset(config(shop, window)).build()[part]
    full = DomainDataset(config(shop, 100)).build()[part].inter_feat
    index = np.random.default_rng(0).permutation(len(dataset))[:9]
    rows, items = dataset.history(dataset.inter_feat[index])
    found = defaultdict(list)
    for row, item in zip(rows.tolist(), items.tolist(), strict=True):
        found[row].append(item)
    lengths = full["item_length"][index].tolist()
    prefixes = full["item_id_list"][index].tolist()
    expected = {row: prefix[:length] for row, (prefix, length) in enumerate(zip(prefixes, lengths, strict=True))}
    assert found == expected
    assert max(lengths) > 4


def test_a_history_is_that_of_the_file(shop):
    test = DomainDataset(config(shop, 2)).build()[2]
    rows, items = test.history(test.inter_feat[np.arange(len(test))])
    sequences = in_order(shop.lines)
    for n, user in enumerate(test.inter_feat["user_id"].tolist()):
        expected = [item for item, _ in sequences[test.id2token("user_id", user)]][:-1]
        assert list(tokens(test, "item_id", items[rows == n].tolist())) == expected


def sequences_in_words(dataset):
    domain = dataset.domain()
    return Counter(tokens(dataset, "item_id", sequence.tolist()) for sequence in domain)


def sequences_by_hand(shop, drop):
    """Item sequences of users with something to learn from, without what `drop` holds out of so many targets."""
    sequences = [tuple(item for item, _ in sequence) for sequence in in_order(shop.lines).values()]
    return Counter(
        items[: len(items) - drop(len(items) - 1)] for items in sequences if len(items) > 1 + drop(len(items) - 1)
    )


@pytest.mark.parametrize("window", [1, 4, 50])
def test_the_domain_of_the_training_split_holds_nothing_of_the_other_splits(shop, window):
    train, *_ = DomainDataset(config(shop, window)).build()
    assert sequences_in_words(train) == sequences_by_hand(shop, lambda targets: min(2, max(targets - 1, 0)))


@pytest.mark.parametrize("window", [1, 4, 50])
def test_the_domain_of_a_dataset_that_was_not_split_is_everything(shop, window):
    dataset = unsplit(DomainDataset, config(shop, window))
    assert sequences_in_words(dataset) == sequences_by_hand(shop, lambda targets: 0)


def test_users_of_a_domain_come_in_the_order_of_their_ids(shop):
    dataset = unsplit(DomainDataset, config(shop))
    sequences = in_order(shop.lines)
    words = [dataset.id2token("user_id", user) for user in range(1, dataset.user_num)]
    expected = [[item for item, _ in sequences[user]] for user in words if len(sequences[user]) > 1]
    assert [list(tokens(dataset, "item_id", items.tolist())) for items in dataset.domain()] == expected


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 1.0])
def test_a_share_of_the_users_trains_and_all_are_evaluated(shop, share):
    whole, valid, test = DomainDataset(config(shop)).build()
    part, *held_out = DomainDataset(config(shop, train_users=share, seed=3)).build()
    users = set(whole.inter_feat["user_id"].tolist())
    kept = set(part.inter_feat["user_id"].tolist())
    assert len(kept) == int(np.ceil(share * len(users)))
    expected = torch.tensor([user in kept for user in whole.inter_feat["user_id"].tolist()])
    for field in ("user_id", TARGET_ROW):
        assert torch.equal(part.inter_feat[field], whole.inter_feat[field][expected])
    assert sequences_in_words(part) <= sequences_in_words(whole)
    assert part.domain().n_sequences == len(kept)
    for found, stock in zip(held_out, (valid, test), strict=True):
        assert torch.equal(found.inter_feat[TARGET_ROW], stock.inter_feat[TARGET_ROW])


def test_the_seed_draws_the_users_who_train(shop):
    drawn = [DomainDataset(config(shop, train_users=0.4, seed=seed)).build()[0].domain().items for seed in (1, 1, 2, 3)]
    assert np.array_equal(drawn[0], drawn[1])
    assert any(not np.array_equal(drawn[0], other) for other in drawn[2:])


def test_a_domain_has_the_whole_catalogue_even_of_a_split(shop):
    everything = len({item for _, item, *_ in shop.lines})
    for dataset in DomainDataset(config(shop)).build():
        domain = dataset.domain()
        assert (domain.name, domain.n_items) == (NAME, everything)
        assert domain.items.dtype == np.int32


def test_loading_a_domain_is_reading_it_whole(shop):
    loaded, expected = load_domain(config(shop)), unsplit(DomainDataset, config(shop)).domain()
    np.testing.assert_array_equal(loaded.items, expected.items)
    np.testing.assert_array_equal(loaded.offsets, expected.offsets)
    assert (loaded.name, loaded.n_items) == (NAME, expected.n_items)


def test_recboles_filters_apply_to_a_loaded_domain(shop):
    domain = load_domain(config(shop, user_inter_num_interval="[5,inf)"))
    assert sorted(domain.lengths.tolist()) == sorted(length for length in LENGTHS if length >= 5)


def test_embedded_domains_are_made_when_they_are_asked_for(tmp_path):
    name = f"{PREFIX}western"
    settings = PluginConfig("GRU4Rec", name, {"data_path": str(tmp_path)})
    domain = load_domain(settings)
    assert (tmp_path / name / f"{name}.inter").is_file()
    assert domain.n_sequences > 200
    assert domain.lengths.min() >= 3


@pytest.mark.parametrize("form", ["coo", "csr"])
def test_the_interaction_matrix_is_recboles(shop, form):
    settings = config(shop)
    for ours, stock in zip(DomainDataset(settings).build(), SequentialDataset(settings).build(), strict=True):
        assert (ours.inter_matrix(form).toarray() == stock.inter_matrix(form).toarray()).all()


def test_fields_that_are_lists_themselves_are_recboles(shop, tmp_path):
    rng = random.Random(0)
    rows = [(*line[:3], " ".join(rng.sample("abcd", rng.randint(1, 3)))) for line in shop.lines]
    (tmp_path / NAME).mkdir()
    header = "user_id:token\titem_id:token\ttimestamp:float\ttags:token_seq"
    text = "\n".join([header, *("\t".join(map(str, row)) for row in rows), ""])
    (tmp_path / NAME / f"{NAME}.inter").write_text(text, encoding="utf-8")
    settings = config(SimpleNamespace(root=tmp_path), fields=("user_id", "item_id", "timestamp", "tags"))
    for ours, stock in zip(DomainDataset(settings).build(), SequentialDataset(settings).build(), strict=True):
        assert_same_rows(ours.inter_feat.whole(), stock.inter_feat)


def test_list_fields_count_as_columns(shop):
    dataset = unsplit(DomainDataset, config(shop))
    assert "item_id_list" in dataset.inter_feat
    assert "item_id_list" in dataset.inter_feat.columns
    assert dataset.inter_feat.to("cpu")["item_id_list"].shape == dataset.inter_feat["item_id_list"].shape
