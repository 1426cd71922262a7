"""The files in properties/ say what the classes of settings say."""

from __future__ import annotations

import pytest
import yaml

from recbole_metarec.bridge.property_files import property_files
from recbole_metarec.configuration.properties import properties_folder
from recbole_metarec.models import SPECS
from recbole_metarec.settings.shared import SharedSettings
from recbole_metarec.settings.users_yaml import PropertyLoader

FILES = property_files()


@pytest.mark.parametrize("name", FILES)
def test_files_are_current(name: str) -> None:
    advice = "write it anew: python -m recbole_metarec.bridge.property_files"
    assert (properties_folder() / name).read_text(encoding="utf-8") == FILES[name], advice


@pytest.mark.parametrize("name", FILES)
def test_files_hold_the_defaults_in_lines_that_fit(name: str) -> None:
    values = yaml.load(FILES[name], Loader=PropertyLoader)
    settings = SharedSettings if name == "overall.yaml" else SPECS[name[len("model/") : -len(".yaml")]].settings
    defaults = settings.defaults()
    assert values == {key: defaults[key] for key in values}
    left_out = defaults.keys() - values.keys()
    assert all(defaults[key] == SharedSettings.defaults()[key] for key in left_out)
    assert max(map(len, FILES[name].splitlines())) <= 120
