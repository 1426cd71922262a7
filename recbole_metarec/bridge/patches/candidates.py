"""Sampled candidates that are drawn once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any

import recbole.data.utils
from recbole.config import Config
from recbole.data.dataset import Dataset

from recbole_metarec.bridge.candidates import PHASES, FixedSampler, everything_had

_stock = recbole.data.utils.create_samplers


@wraps(_stock)
def _create_samplers(config: Config, dataset: Dataset, built_datasets: Sequence[Dataset]) -> list[Any]:
    """Put a `FixedSampler` in the place of each sampler that evaluation draws candidates with."""
    samplers = list(_stock(config, dataset, built_datasets))
    had = None
    for place, phase in enumerate(PHASES, 1):
        arguments = config[f"{phase}_neg_sample_args"]
        how = arguments["distribution"]
        if how in ("uniform", "popularity") and arguments["sample_num"] != "none":
            had = everything_had(dataset, built_datasets) if had is None else had
            samplers[place] = FixedSampler(samplers[place], had, how == "popularity", config["seed"])
    return samplers


def apply() -> None:
    """Replace the function."""
    recbole.data.utils.create_samplers = _create_samplers
