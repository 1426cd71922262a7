"""The loss on the next item."""

from __future__ import annotations

from typing import Literal

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count, Nonnegative, Whole


class SoftmaxSettings(Settings):
    """Cross entropy over the whole catalogue, or over sampled negatives."""

    group = "Loss"

    softmax: Literal["full", "sampled", "auto"] = option(
        "auto", "full | sampled | auto: full up to full_softmax_max_items items.", "Ours"
    )
    full_softmax_max_items: Whole = option(
        5000, "Largest catalogue with a full softmax under auto.", "Ours: at 20,000 items a step takes 7 times as long"
    )
    n_negatives: Count = option(2048, "Negatives that a batch shares in a sampled softmax.", "Ours")
    negative_power: Nonnegative = option(
        0.75, "Negatives are drawn by popularity to this power.", "word2vec, arXiv 1310.4546"
    )
