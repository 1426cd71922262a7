"""Exact times of a dataset, its splits by time, and what is known of users and items."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timed
import torch
from recbole.data import create_dataset
from recbole.data.dataset import SequentialDataset

import recbole_metarec  # noqa: F401
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.bridge.rows import TARGET_ROW
from recbole_metarec.bridge.stamped import first_days, request_days, unseen_share
from recbole_metarec.errors import UserError

BY_TIME = {"split": {"time": [0.6, 0.8]}, "order": "TO", "mode": "full"}


def config(root: Path, model: str = "GRU4Rec", name: str = timed.NAME, **settings: Any) -> PluginConfig:
    return PluginConfig(model, name, {"data_path": str(root), "MAX_ITEM_LIST_LENGTH": 3, "seed": 1, **settings})


def built(root: Path, **settings: Any) -> list[Any]:
    return DomainDataset(config(root, **settings)).build()


def rows_in_words(dataset: Any) -> Counter[Any]:
    """Count (user, whole history with times, target, time) of a split."""
    found = dataset.requests(dataset.inter_feat)
    items = dataset.id2token("item_id", found.items)
    users = dataset.id2token("user_id", dataset.inter_feat["user_id"].numpy())
    targets = dataset.id2token("item_id", dataset.inter_feat["item_id"].numpy())
    rows = []
    for n, (user, target) in enumerate(zip(users, targets, strict=True)):
        span = slice(found.begin[n], found.end[n])
        history = tuple(zip(items[span], found.times[span], strict=True))
        rows.append((user, history, target, found.at[n]))
    return Counter(rows)


def by_hand(rows: list[Any]) -> Counter[Any]:
    return Counter(
        (target.user, tuple((line.item, line.second) for line in history), target.item, target.second)
        for history, target in rows
    )


@pytest.fixture(params=[(0, False), (1, True)], ids=["seconds", "days"])
def lines(request: pytest.FixtureRequest) -> list[timed.Line]:
    seed, whole_days = request.param
    return timed.draw_lines(seed, whole_days=whole_days)


# -- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", timed.SCALES)
def test_domains_have_their_times_in_seconds(tmp_path: Path, lines: list[timed.Line], unit: str) -> None:
    timed.write(tmp_path, lines, unit)
    sequences = timed.sequences(lines)
    dataset = DomainDataset(config(tmp_path))
    expected = [sequences[user] for user in dataset.field2id_token["user_id"][1:]]
    dataset._change_feat_format()
    several = [line.second for sequence in expected if len(sequence) > 1 for line in sequence]
    for domain in (load_domain(config(tmp_path)), dataset.domain()):
        assert domain.times is not None
        np.testing.assert_allclose(domain.times, several, rtol=0, atol=1e-6)
    everything = dataset.everything()
    np.testing.assert_allclose(everything.times, [line.second for each in expected for line in each], atol=1e-6)
    assert everything.lengths.tolist() == [len(each) for each in expected]
    assert dataset.id2token("item_id", everything.items).tolist() == [line.item for each in expected for line in each]


def test_times_change_no_row_and_no_order(tmp_path: Path, lines: list[timed.Line]) -> None:
    timed.write(tmp_path, lines)
    for ours, none in zip(built(tmp_path), built(tmp_path, time_unit="none"), strict=True):
        assert torch.equal(ours.inter_feat[TARGET_ROW], none.inter_feat[TARGET_ROW])
        assert ours.domain().fingerprint() == none.domain().fingerprint()
        assert none.domain().times is None
        found = none.requests(none.inter_feat)
        assert found.times is found.at is None
        assert first_days(none) is request_days(none, none.inter_feat[TARGET_ROW]) is unseen_share(none) is None


@pytest.mark.parametrize("part", [0, 1, 2])
def test_requests_are_whole_histories(tmp_path: Path, lines: list[timed.Line], part: int) -> None:
    timed.write(tmp_path, lines)
    dataset = built(tmp_path)[part]
    expected = []
    for sequence in timed.sequences(lines).values():
        rows = [(sequence[:n], sequence[n]) for n in range(1, len(sequence))]
        held_out = min(2, max(len(rows) - 1, 0))
        train, rest = rows[: len(rows) - held_out], rows[len(rows) - held_out :]
        expected += [train, rest[-2:-1], rest[-1:]][part]
    assert rows_in_words(dataset) == by_hand(expected)
    some = torch.tensor([2, 0, 2])
    found, whole = dataset.requests(dataset.inter_feat[some]), dataset.requests(dataset.inter_feat)
    assert (found.end - found.begin).tolist() == (whole.end - whole.begin)[some].tolist()
    assert found.at.tolist() == whole.at[some].tolist()


def test_times_survive_copies(tmp_path: Path, lines: list[timed.Line]) -> None:
    timed.write(tmp_path, lines)
    test = built(tmp_path)[2]
    again = copy.deepcopy(test)
    assert rows_in_words(again) == rows_in_words(test)
    few = test.copy(test.inter_feat[:3])
    assert few.requests(few.inter_feat).at.tolist() == test.requests(test.inter_feat).at[:3].tolist()
    assert test.inter_feat.shortened(1).interaction.sequences.times is not None


def test_the_log_says_what_timestamps_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lines = timed.draw_lines()
    timed.write(tmp_path, [*lines, timed.Line("u001", "i01", -7)])
    timed.write(tmp_path, [line._replace(second=n) for n, line in enumerate(lines)], name="order")
    with caplog.at_level(logging.INFO):
        load_domain(config(tmp_path))
        load_domain(config(tmp_path, name="order"))
    last = np.datetime64(max(line.second for line in lines), "s").astype("datetime64[D]")
    assert f"days: timestamps are seconds, 1969-12-31 to {last}" in caplog.messages
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "1 are zero or before 1970" in warning
    assert "order: timestamps are positions: nothing here knows the clock" in caplog.messages


def test_mixed_units_are_refused(tmp_path: Path) -> None:
    lines = timed.draw_lines()
    timed.write(tmp_path, [lines[0]._replace(second=lines[0].second * 1000), *lines[1:]])
    with pytest.raises(UserError, match=f"days: of the timestamps {len(lines) - 1} are seconds and 1 are millisec"):
        load_domain(config(tmp_path))
    assert load_domain(config(tmp_path, time_unit="s")).times is not None


# -- ties -------------------------------------------------------------------------------------------------------------


def ordered(sequences: Any) -> list[list[str]]:
    return [[line.item for line in sequence] for sequence in sequences]


def words(domain: Any, dataset: Any) -> list[list[str]]:
    return [dataset.id2token("item_id", sequence).tolist() for sequence in domain]


def test_ties_are_shuffled_by_the_seed_alike_for_all_models(tmp_path: Path) -> None:
    lines = sorted(timed.draw_lines(2, whole_days=True, n_users=150), key=lambda line: line.item)
    timed.write(tmp_path, lines)
    orders = {}
    for seed in (1, 2):
        settings = config(tmp_path, shuffle_ties=True, seed=seed, MAX_ITEM_LIST_LENGTH=50)
        dataset = DomainDataset(settings)
        orders[seed] = words(load_domain(settings), dataset)
        assert words(load_domain(settings), dataset) == orders[seed]
        for ours, stock in zip(dataset.build(), SequentialDataset(settings).build(), strict=True):
            for field in stock.inter_feat:
                assert torch.equal(ours.inter_feat[field], stock.inter_feat[field])
    plain = load_domain(config(tmp_path))
    assert orders[1] != orders[2]
    assert orders[1] != words(plain, dataset)
    shuffled = load_domain(config(tmp_path, shuffle_ties=True))
    assert shuffled.times.tolist() == plain.times.tolist()
    pairs = zip(orders[1], words(plain, dataset), strict=True)
    assert all(sorted(ours) == sorted(theirs) for ours, theirs in pairs)


@pytest.mark.parametrize(("shuffle_ties", "kind"), [(False, "rising"), (False, "falling"), (True, "rising")])
def test_ties_in_the_order_of_names_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, shuffle_ties: bool, kind: str
) -> None:
    caplog.set_level(logging.WARNING)  # runs of other tests leave another
    lines = timed.draw_lines(3, whole_days=True, n_users=200)
    lines = [line._replace(second=line.second // (5 * 86_400) * 5 * 86_400) for line in lines]
    timed.write(tmp_path, lines, name="mixed")
    timed.write(tmp_path, sorted(lines, key=lambda line: line.item, reverse=kind == "falling"))
    load_domain(config(tmp_path, name="mixed"))
    assert not caplog.records
    load_domain(config(tmp_path, shuffle_ties=shuffle_ties))
    found = [record.message for record in caplog.records if "--shuffle_ties=True" in record.message]
    assert len(found) == (not shuffle_ties)
    assert all(f"100% of these stand in {kind} order" in line for line in found)


# -- users of whom nothing is known -----------------------------------------------------------------------------------


@pytest.mark.parametrize("evaluation", [None, BY_TIME], ids=["leave-one-out", "time"])
def test_of_unknown_users_nothing_but_test_requests_stays(tmp_path: Path, evaluation: Any) -> None:
    lines = timed.draw_lines(4, n_users=200)
    timed.write(tmp_path, lines)
    settings = {} if evaluation is None else {"eval_args": evaluation}
    train, valid, test = built(tmp_path, known_users=0.3, **settings)
    whole = built(tmp_path, **settings)
    drawn = built(tmp_path, train_users=0.3, **settings)[0]
    assert torch.equal(train.inter_feat[TARGET_ROW], drawn.inter_feat[TARGET_ROW])
    assert rows_in_words(test) == rows_in_words(whole[2])
    users = {part: set(part.inter_feat["user_id"].tolist()) for part in (train, valid, *whole)}
    assert len(users[train]) == np.ceil(0.3 * len(users[whole[0]]))
    known = test.everything()
    assert 0.3 * 200 <= known.n_sequences <= 0.3 * 200 + 2
    assert len(known.times) == known.n_interactions
    sequences = {tuple(item) for item in words(known, test)}
    every = timed.sequences(lines)
    for user in users[whole[0]]:
        own = tuple(line.item for line in every[test.id2token("user_id", user)])
        assert user not in users[train] or own in sequences
    # the known are those who train, and of the others who validate as large a share
    assert users[valid] & users[whole[0]] <= users[train]
    expected = whole[1].inter_feat[TARGET_ROW][
        torch.tensor([user in users[valid] for user in whole[1].inter_feat["user_id"].tolist()])
    ]
    assert torch.equal(valid.inter_feat[TARGET_ROW], expected)
    items, first = np.concatenate(words(known, test)), first_days(test)
    days = {item: min(known.times[items == item] // 86_400) for item in {*items}}
    for number, item in enumerate(test.field2id_token["item_id"][1:], 1):
        assert first[number] == days.get(item, np.iinfo(np.int64).max)


# -- splits by time ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["s", "ns"])
@pytest.mark.parametrize("points", [[0.5, 0.8], [0.31, 0.77], ["2011-03-25", "2011-04-04"]])
def test_a_split_by_time_is_that_of_the_file(
    tmp_path: Path, lines: list[timed.Line], unit: str, points: list[Any]
) -> None:
    timed.write(tmp_path, lines, unit)
    parts = built(tmp_path, eval_args={**BY_TIME, "split": {"time": points}})
    first, second = (
        np.datetime64(point, "s").astype(int) if isinstance(point, str) else timed.cut(lines, point) for point in points
    )
    expected = timed.splits(lines, first, second)
    assert [rows_in_words(part) for part in parts] == [by_hand(rows) for rows in expected]
    assert all(len(part) for part in parts)
    domain = parts[0].domain()
    assert domain.times.max() < first
    early = [[line for line in each if line.second < first] for each in timed.sequences(lines).values()]
    assert sorted(words(domain, parts[0])) == sorted(ordered(each for each in early if len(each) > 1))


def test_a_point_with_a_time_of_day_is_exact(tmp_path: Path) -> None:
    lines = timed.draw_lines()
    timed.write(tmp_path, lines)
    points = ["2011-03-25 12:30", "2011-04-04T06:00:00+02:00"]
    parts = built(tmp_path, eval_args={**BY_TIME, "split": {"time": points}})
    cuts = (np.datetime64(time, "s").astype(int) for time in ("2011-03-25T12:30", "2011-04-04T04:00"))
    assert [rows_in_words(part) for part in parts] == [by_hand(rows) for rows in timed.splits(lines, *cuts)]


@pytest.mark.parametrize("most", [1, 2, 100])
def test_few_requests_of_a_user_are_drawn_alike_for_all_seeds(tmp_path: Path, most: int) -> None:
    timed.write(tmp_path, timed.draw_lines())
    whole = built(tmp_path, eval_args=BY_TIME)
    few = built(tmp_path, eval_args=BY_TIME, requests_per_user=most)
    again = built(tmp_path, eval_args=BY_TIME, requests_per_user=most, seed=7)
    assert rows_in_words(few[0]) == rows_in_words(whole[0])
    for part in (1, 2):
        assert torch.equal(few[part].inter_feat[TARGET_ROW], again[part].inter_feat[TARGET_ROW])
        assert rows_in_words(few[part]) <= rows_in_words(whole[part])
        counts, all_counts = (Counter(each[part].inter_feat["user_id"].tolist()) for each in (few, whole))
        assert counts == {user: min(most, count) for user, count in all_counts.items()}


@pytest.mark.parametrize("most", [None, 1])
def test_general_models_have_the_same_targets(tmp_path: Path, lines: list[timed.Line], most: int | None) -> None:
    timed.write(tmp_path, lines)
    settings = {"eval_args": BY_TIME, "requests_per_user": most, "shuffle_ties": True}
    general = create_dataset(config(tmp_path, "Pop", **settings)).build()
    ours = built(tmp_path, **settings)
    first = timed.cut(lines, 0.6)
    assert len(general[0]) == sum(line.second < first for line in lines)

    def targets(part: Any) -> Counter[Any]:
        feat = part.inter_feat
        users, items = (part.id2token(field, feat[field].numpy()) for field in ("user_id", "item_id"))
        return Counter(zip(users, items, request_days(part, feat[TARGET_ROW]).tolist(), strict=True))

    for part in (1, 2):
        assert targets(general[part]) == targets(ours[part])
    assert unseen_share(general[2]) == unseen_share(ours[2])


@pytest.mark.parametrize(
    ("split", "line"),
    [
        (["2001-01-01", "2011-04-01"], r"leaves nothing of days \(2011-03-13 to 2011-04-21\) to train with"),
        (["2011-03-25", "2011-03-25 00:00:01"], "to validate with"),
        (["2011-04-01", "2031-01-01"], "at 2011-04-01 and 2031-01-01, leaves nothing of days .* to test with"),
        ([0.9, "2011-03-20"], "2011-03-20 lies before 2011-04-"),
    ],
)
@pytest.mark.parametrize("model", ["GRU4Rec", "Pop"])
def test_a_split_that_leaves_nothing_is_one_line(tmp_path: Path, split: list[Any], line: str, model: str) -> None:
    timed.write(tmp_path, timed.draw_lines())
    settings = config(tmp_path, model, eval_args={**BY_TIME, "split": {"time": split}})
    dataset = create_dataset(settings) if model == "Pop" else DomainDataset(settings)
    with pytest.raises(UserError, match=line) as error:
        dataset.build()
    assert len(error.value.problems) == 1


@pytest.mark.parametrize("model", ["GRU4Rec", "Pop"])
def test_a_split_by_time_needs_a_clock(tmp_path: Path, model: str) -> None:
    timed.write(tmp_path, timed.draw_lines())
    settings = config(tmp_path, model, eval_args=BY_TIME, time_unit="none")
    with pytest.raises(UserError, match="know no clock"):
        (create_dataset(settings) if model == "Pop" else DomainDataset(settings)).build()


def test_the_share_of_unseen_targets_is_that_by_hand(tmp_path: Path, lines: list[timed.Line]) -> None:
    timed.write(tmp_path, lines)
    first = timed.first_days(lines)
    _, _, tests = timed.splits(lines, timed.cut(lines, 0.6), timed.cut(lines, 0.8))
    unseen = [first[target.item] >= target.second // 86_400 for _, target in tests]
    assert unseen_share(built(tmp_path, eval_args=BY_TIME)[2]) == pytest.approx(np.mean(unseen))
