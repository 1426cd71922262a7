"""What the value of a key must be, for a model."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le

from recbole_metarec.configuration.properties import documented_choices, recbole_defaults
from recbole_metarec.configuration.recbole_settings import RecBoleSettings
from recbole_metarec.models import SPECS
from recbole_metarec.settings.base import Settings, kind_of
from recbole_metarec.settings.kinds import Count, Few, Is, Nonnegative, Share, Whole, mismatch
from recbole_metarec.settings.shared import SharedSettings

SHARED = (SharedSettings, RecBoleSettings)
"""Settings that every model has."""


def settings_of(model: str) -> Iterator[type[Settings]]:
    """List the classes that describe the keys of a model, the first that has a key counts.

    Parameters
    ----------
    model : str
        Name of a model of this package, of RecBole, or none.

    Yields
    ------
    type of Settings
    """
    if model in SPECS:
        yield SPECS[model].settings
    yield from SHARED


def rule_of(model: str, key: str) -> Any:
    """Return the kind of values that a key has for a model.

    Parameters
    ----------
    model : str
        Name of a model, known or not.
    key : str

    Returns
    -------
    type, or None
        See `mismatch`; ``None`` for a key that no class and none of RecBole's defaults describes.
    """
    for settings in settings_of(model):
        if key in settings.model_fields:
            return kind_of(settings, key)
    defaults = recbole_defaults(model)
    return like(key, defaults[key], documented_choices(model).get(key, ())) if key in defaults else None


def problem_of(model: str, key: str, value: object) -> str | None:
    """Check a value of a key.

    Parameters
    ----------
    model : str
        Name of a model, known or not.
    key : str
    value : object

    Returns
    -------
    str, or None
        What the value must be, as in ``must be a whole number, 1 or more``; ``None`` if it is, and for unknown keys.
    """
    rule = rule_of(model, key)
    return None if rule is None else mismatch(rule, value)


# -- keys of RecBole's own models, which its files explain by a default and a comment ---------------------------------

_Integer = Annotated[int, Is("a whole number", lambda value: abs(value) <= sys.maxsize)]
_Counts = Annotated[
    str | int,
    Is(
        "a whole number, or several, as in 20,100",
        lambda value: re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", str(value)) is not None,
    ),
]
# The first that matches counts.
_BY_NAME: tuple[tuple[str, Any], ...] = (
    ("reranker_CAN_NUM", _Counts),
    (r"margin", Annotated[float, Ge(-1), Le(1)]),
    (r".*(dropout|_prob|_ratio|_cap)", Share),
    (r"hidden_act", Literal["gelu", "relu", "swish", "tanh", "sigmoid"]),
    (r"n_layers|num_layers|block_num|n_iterations|step|steps", Few),
    (r".*(_size|_dimension|_dim|_num|n_heads|_layers|n_factors|k_interests|num_clusters)|k|nv|nh", Count),
    (r".*weights?(_\d)?", Nonnegative),
)


def like(key: str, default: Any, choices: tuple[str, ...] = ()) -> Any:
    """Return the kind of values of a key of RecBole's that only its default and the documented choices explain.

    Parameters
    ----------
    key : str
        Its name.
    default : Any
        Its default.
    choices : tuple of str
        What its documentation lists, if that is of names.

    Returns
    -------
    type
    """
    if isinstance(default, list):
        entry: Any = like(key, default[0]) if default else float
        return Annotated[Sequence[entry], Is(f"a list of values, as in {default}")]
    if isinstance(default, (int, float, str)) and not isinstance(default, bool) and not choices:
        named = next((kind for pattern, kind in _BY_NAME if re.fullmatch(pattern, key)), None)
        if named is not None:
            return named
    return Literal[choices] if choices and not isinstance(default, (int, float)) else _like_default(default)


def _like_default(default: Any) -> Any:
    if isinstance(default, bool):
        return bool
    if isinstance(default, int):
        return Whole if default >= 0 else _Integer
    if isinstance(default, float):
        return Nonnegative if default >= 0 else float
    return str | None
