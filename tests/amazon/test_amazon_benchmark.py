"""Folders of the Amazon-2023 benchmark: one sequence for each user, and the publishers' own split in RecBole."""

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_metarec.amazon import import_split
from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.errors import UserError

from .dumps import rows_of

Inter = tuple[str, str, float, int]
Parts = dict[str, list[str]]


def draw_users(seed: int, shortest: int = 1) -> dict[str, list[Inter]]:
    """Draw interactions in order; some are of the same time."""
    rng = random.Random(seed)
    users = {}
    for n in range(12):
        time = 1_600_000_000_000 + rng.randrange(9)
        users[f"A{n}"] = []
        for item in rng.sample(range(40), rng.randint(shortest, 8)):
            users[f"A{n}"].append((f"A{n}", f"B{item:02}", float(rng.randint(1, 5)), time))
            time += rng.choice([0, 0, 5, 1000])
    return users


def split(users: dict[str, list[Inter]], history: bool = True) -> Parts:
    """Make the lines of the three files as the publishers do."""
    parts: Parts = {part: ["user_id,parent_asin,rating,timestamp" + ",history" * history] for part in PARTS}
    for inters in users.values():
        for k, inter in enumerate(inters):
            part = PARTS[max(k - len(inters) + 3, 0)]
            known = " ".join(item for _, item, *_ in inters[:k])
            parts[part].append(",".join([*map(str, inter), *([known] if history else [])]))
    return parts


PARTS = ("train", "valid", "test")


def publish(folder: Path, parts: Parts, zipped: bool = False) -> Path:
    folder.mkdir()
    for part, lines in parts.items():
        text = ("\n".join(lines) + "\n").encode()
        path = folder / f"All_Beauty.{part}.csv{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(text) if zipped else text)
    return folder


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans(), st.booleans())
def test_recbole_validates_and_tests_the_publishers_items(
    tmp_path_factory: pytest.TempPathFactory, seed: int, history: bool, zipped: bool, shuffled: bool
) -> None:
    place, users = tmp_path_factory.mktemp("b"), draw_users(seed, shortest=4)
    parts = split(users, history)
    if shuffled and history:  # without a history, the order of a file decides between equal times
        random.Random(seed).shuffle(rows := parts["train"][1:])
        parts["train"][1:] = rows
    card = import_split(publish(place / "source", parts, zipped), "beauty", output=place)
    inters = [inter for own in users.values() for inter in own]
    assert {tuple(row) for row in rows_of(place / "beauty/beauty.inter")} == {tuple(map(str, row)) for row in inters}
    assert card["counts"][0]["interactions"] == len(inters)
    config = PluginConfig("SASRec", "beauty", {"data_path": str(place), "state": "ERROR"})
    dataset = DomainDataset(config)
    for part, back in zip(dataset.build()[1:], (2, 1), strict=True):
        rows = part[list(range(len(part)))]
        found = zip(rows["user_id"].tolist(), rows["item_id_list"].tolist(), rows["item_id"].tolist(), strict=True)
        names = {
            dataset.id2token("user_id", user): dataset.id2token(
                "item_id", [item for item in (*known, item) if item]
            ).tolist()
            for user, known, item in found
        }
        assert names == {user: [item for _, item, *_ in own][: len(own) + 1 - back] for user, own in users.items()}


def test_users_of_few_interactions_are_counted(tmp_path: Path) -> None:
    users = draw_users(3)
    few = sum(len(inters) < 4 for inters in users.values())
    assert 0 < few < len(users)
    card = import_split(publish(tmp_path / "source", split(users)), "beauty", output=tmp_path)
    assert card["order"].endswith(f"of those with fewer neither: {few} users.")
    assert card["counts"][0]["users"] == len(users)


def swap(part: str, line: int, old: str, new: str) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        parts[part][line] = parts[part][line].replace(old, new)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts["test"].pop(1), "user A0: has 1 rows that validate and 0 that test"),
        (lambda parts: parts["valid"].pop(1), "user A0: has 0 rows that validate and 1 that test"),
        (lambda parts: parts["test"].append(parts["test"][1]), "user A0: has 1 rows that validate and 2 that test"),
        (swap("test", 1, ",16", ",15"), r"user A0: All_Beauty\.test\.csv, line 2: is older than a row of the parts"),
        (swap("train", 1, ",16", ",17"), r"user A0: All_Beauty\.valid\.csv, line 2: is older"),
        (swap("test", 1, " B", " C"), r"user A0: All_Beauty\.test\.csv, line 2: the history is not what"),
        (swap("valid", 1, "B", "Z"), r"user A0: All_Beauty\.valid\.csv, line 2: the history is not what"),
        (swap("train", 2, ",16", ",x16"), r"All_Beauty\.train\.csv: line 3: timestamp is no whole number"),
        (swap("train", 2, ".0,", ".0,7,"), r"All_Beauty\.train\.csv: line 3: must have 5 columns"),
        (swap("valid", 1, "A0", ""), r"All_Beauty\.valid\.csv: line 2: no user id"),
        (swap("test", 0, "rating", "stars"), r"All_Beauty\.test\.csv: line 1 must be user_id,parent_asin,rating"),
        (lambda parts: parts.pop("test"), r"All_Beauty\.test\.csv: no such file"),
        (lambda parts: parts.update(test=[]), r"All_Beauty\.test\.csv: line 1 must be"),
    ],
)
def test_parts_that_contradict_one_another_are_named(
    tmp_path: Path, change: Callable[[Parts], object], message: str
) -> None:
    parts = split(draw_users(1, shortest=5))
    change(parts)
    with pytest.raises(UserError, match=message):
        import_split(publish(tmp_path / "source", parts), "beauty", output=tmp_path)
    assert not (tmp_path / "beauty").exists()


def test_an_interaction_in_two_parts_is_named(tmp_path: Path) -> None:
    users = draw_users(1, shortest=5)
    users["A0"][-2] = users["A0"][-1]
    with pytest.raises(UserError, match=r"user A0: item B.. stands there twice with the same time"):
        import_split(publish(tmp_path / "source", split(users, history=False)), "beauty", output=tmp_path)
