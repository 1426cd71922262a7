"""The property layers of this package under RecBole's own Config."""

from __future__ import annotations

from functools import wraps

from recbole.config import Config

from recbole_metarec.configuration.layers import property_layers
from recbole_metarec.configuration.presets import preset_problems
from recbole_metarec.errors import UserError
from recbole_metarec.models import SPECS

_stock = Config._load_internal_config_dict


@wraps(_stock)
def _load_internal_config_dict(self: Config, model: str, model_class: type, dataset: str) -> None:
    """Put the layers of a model of this package over RecBole's defaults."""
    _stock(self, model, model_class, dataset)
    if model in SPECS:
        problems = [*preset_problems(model, self.external_config_dict.get("preset"))]
        if problems:
            raise UserError(problems)
        below = self.internal_config_dict
        below.update(property_layers(model, dataset, self.external_config_dict, below))


def apply() -> None:
    """Replace the method."""
    Config._load_internal_config_dict = _load_internal_config_dict
