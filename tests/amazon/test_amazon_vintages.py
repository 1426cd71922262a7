from pathlib import Path

import pytest
import recbole
import yaml

from recbole_metarec.amazon.vintages import (
    ADDRESSES,
    CATEGORIES,
    KINDS,
    VINTAGES,
    address,
    dataset_name,
    find_category,
)
from recbole_metarec.cli.main import main
from recbole_metarec.configuration.layers import resolve
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
    assert main(["amazon", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in recbole_names())
    assert main(["amazon", "list", "--vintage=2014"]) == 0
    assert "-18" not in capsys.readouterr().out


def test_of_each_dataset_the_columns_are_loaded_that_prepare_writes() -> None:
    for name in recbole_names():
        load_col = resolve("MetaRec", {"dataset": name}).defaults["load_col"]
        assert load_col == {"inter": ["user_id", "item_id", "timestamp"]}
