"""The made-up world: the same on every machine, with what is planted in it."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from recbole_metarec.demo.files import SETTINGS, write_world
from recbole_metarec.demo.shops import FORTNIGHT, Reason, Trade
from recbole_metarec.demo.world import World
from recbole_metarec.errors import UserError


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, share=0.5)


def test_reasons_are_what_they_are_called(world: World) -> None:
    for trade in (world.young, world.unlike):
        had: dict[tuple[int, int], int] = {}
        last: dict[int, int] = {}
        for each in trade.purchases:
            key = each.customer, each.article
            assert (key in had) == (each.reason is Reason.AGAIN)
            if each.reason is Reason.AGAIN:
                assert each.day - had[key] >= 24
                assert trade.shop.catalogue[trade.articles[each.article].category].is_used_up
            if each.reason is Reason.FASHION:
                assert each.article in trade.fashions[each.day // FORTNIGHT]
            if each.reason is Reason.TOGETHER:
                assert each.article in trade.go_with[last[each.customer]]
            had[key], last[each.customer] = each.day, each.article


def test_habits_are_shared_by_all_but_one(world: World) -> None:
    def shares(trade: Trade) -> dict[Reason, float]:
        counts = Counter(each.reason for each in trade.purchases)
        return {reason: counts[reason] / counts.total() for reason in Reason}

    young, unlike = shares(world.young), shares(world.unlike)
    for trade in world.alike:
        assert shares(trade) == pytest.approx(young, abs=0.12)  # who has been open longer replaces more
    assert unlike[Reason.TOGETHER] > young[Reason.TOGETHER] + 0.2
    assert unlike[Reason.FASHION] == unlike[Reason.AGAIN] == 0


def test_files_are_the_same_everywhere(tmp_path: Path) -> None:
    world = World(1, share=0.02)
    cards = write_world(world, tmp_path)
    assert [card["name"] for card in cards] == ["cork", "antwerp", "bergen", "lyon", "motors"]
    text = (tmp_path / "cork" / "cork.inter").read_bytes()
    assert hashlib.sha256(text).hexdigest() == "ad3b0a1f9dd5ebfb750ca6f07707775a05ec84326af56ab54da2873b2547036a"
    write_world(World(1, share=0.02), tmp_path)
    assert (tmp_path / "cork" / "cork.inter").read_bytes() == text
    write_world(World(2, share=0.02), tmp_path)
    assert (tmp_path / "cork" / "cork.inter").read_bytes() != text


def test_what_was_changed_is_not_replaced(tmp_path: Path) -> None:
    world = World(1, share=0.02)
    write_world(world, tmp_path)
    changed = [tmp_path / name / f"{name}.item" for name in ("bergen", "motors")]
    for path in changed:
        path.write_text("item_id:token\n")
    (tmp_path / SETTINGS).unlink()
    with pytest.raises(UserError) as error:
        write_world(world, tmp_path)
    assert [line.partition(":")[0] for line in error.value.problems] == [str(path) for path in changed]
    assert not (tmp_path / SETTINGS).exists()
    write_world(world, tmp_path, overwrite=True)
    assert changed[0].read_text() != "item_id:token\n"
