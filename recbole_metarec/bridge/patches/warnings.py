"""Warnings that users can do nothing about."""

from __future__ import annotations

import warnings

_MESSAGES = (
    r".*torch\.cuda\.amp\.GradScaler.*",
    r".*A value is trying to be set on a copy of a DataFrame.*",
    r".*pkg_resources is deprecated.*",
    r".*in Series\.agg cannot aggregate.*",
    r"torch\.sparse\.SparseTensor\(.*",
    r"Using a non-tuple sequence for multidimensional indexing.*",
    r"Detected pickle protocol 4 in the checkpoint.*",
)


def apply() -> None:
    """Silence deprecations inside RecBole's own calls."""
    for message in _MESSAGES:
        for category in (FutureWarning, UserWarning):
            warnings.filterwarnings("ignore", message=message, category=category)
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=r"recbole\..*")
