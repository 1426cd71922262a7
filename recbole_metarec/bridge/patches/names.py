"""Models that know the names behind their numbers, and look at those of what they load."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from recbole.config import Config
from recbole.model.abstract_recommender import AbstractRecommender, GeneralRecommender, SequentialRecommender

from recbole_metarec.bridge.names import refuse_others

_stock = AbstractRecommender.__init__


@wraps(_stock)
def _init(self: AbstractRecommender) -> None:
    _stock(self)
    self.register_load_state_dict_pre_hook(refuse_others)


def _with_names(init: Callable[..., None]) -> Callable[..., None]:
    @wraps(init)
    def init_with_names(self: AbstractRecommender, config: Config, dataset: Any) -> None:
        init(self, config, dataset)
        self.dataset_name = config["dataset"]
        self.field_names = {
            kind: dataset.field2id_token[field]
            for kind, field in (("item", self.ITEM_ID), ("user", self.USER_ID))
            if field in dataset.field2id_token
        }

    return init_with_names


def apply() -> None:
    """Make RecBole's models look at what they load, and general and sequential ones at its names."""
    AbstractRecommender.__init__ = _init
    for base in (GeneralRecommender, SequentialRecommender):
        base.__init__ = _with_names(base.__init__)
