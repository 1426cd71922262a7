from pathlib import Path

import pytest
import recbole
import yaml

from recbole_metarec.amazon.__main__ import main
from recbole_metarec.amazon.vintages import (
    ADDRESSES,
    CATEGORIES,
    KINDS,
    VINTAGES,
    address,
    dataset_name,
    find_category,
)
from recbole_metarec.bridge.config import properties_folder, read_properties
from recbole_metarec.errors import UserError


def recbole_names() -> set[str]:
    path = Path(recbole.__file__).parent / "properties/dataset/url.yaml"
    return {name for name in yaml.safe_load(path.read_text()) if name.startswith("amazon-")} - {"amazon-m2"}


def test_names_are_all_those_of_recbole() -> None:
    ours = {dataset_name(category, vintage) for vintage in VINTAGES for category in CATEGORIES[vintage]}
    assert ours == recbole_names()
    assert len(ours) == sum(map(len, CATEGORIES.values())) == 24 + 29 + 33


def test_categories_are_found_by_either_name() -> None:
    for vintage in VINTAGES:
        for category in CATEGORIES[vintage]:
            for text in (category, category.lower(), dataset_name(category, vintage), category.replace("_", " ")):
                assert find_category(text, vintage) == category
    with pytest.raises(UserError, match=r"2018 has no 'Beauty'; did you mean .*All_Beauty"):
        find_category("Beauty", 2018)
    with pytest.raises(UserError, match="`list` shows all"):
        find_category("???", 2018)


def test_addresses() -> None:
    assert all(set(ADDRESSES[vintage]) == set(KINDS) for vintage in VINTAGES)
    assert address(2018, "meta", "Gift_Cards").endswith("/amazon_v2/metaFiles2/meta_Gift_Cards.json.gz")


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in recbole_names())
    assert main(["list", "--vintage=2014"]) == 0
    assert "-18" not in capsys.readouterr().out


def test_property_files_are_those_of_amazon_and_load_what_prepare_writes() -> None:
    found = sorted((properties_folder() / "dataset").glob("amazon-*.yaml"))
    assert len(found) >= 20
    for path in found:
        assert path.stem in recbole_names()
        assert read_properties(path) == {"load_col": {"inter": ["user_id", "item_id", "timestamp"]}}
        _, _, command = path.read_text().splitlines()[0].partition("data.amazon ")
        flags = dict(word.removeprefix("--").split("=") for word in command.split()[1:])
        vintage = int(flags["vintage"])
        assert dataset_name(find_category(flags["category"], vintage), vintage) == path.stem  # type: ignore[arg-type]
