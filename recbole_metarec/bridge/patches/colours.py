"""Colours on the console, set up once."""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

import recbole.utils.logger

_stock_init = recbole.utils.logger.init


@wraps(_stock_init)
def _init(*arguments: Any, **options: Any) -> None:
    if not type(sys.stdout).__module__.startswith("colorama"):
        _stock_init(*arguments, **options)


def apply() -> None:
    """Replace colorama's function where RecBole calls it."""
    recbole.utils.logger.init = _init
