"""What RecBole itself refuses of settings, beside what `recbole_metarec.configuration.checks` finds without it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.configuration.checks import problems_of
from recbole_metarec.configuration.layers import resolve


def find_problems(settings: Mapping[str, Any]) -> list[str]:
    """Check settings and the data that they name.

    Parameters
    ----------
    settings : mapping
        ``model`` and ``dataset``, and what else the user set.

    Returns
    -------
    list of str
        One line each; empty if all is well.
    """
    return problems_of(resolve(settings["model"], settings)) or list(refusals(settings))


def refusals(settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what RecBole's own Config refuses."""
    try:
        PluginConfig(settings["model"], settings["dataset"], settings)
    except (ValueError, TypeError, LookupError, AttributeError, NotImplementedError, RuntimeError) as error:
        yield f"RecBole refuses the configuration: {' '.join(str(error).split())}"
