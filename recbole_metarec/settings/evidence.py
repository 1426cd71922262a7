"""What the target's own interactions say without gradient descent, and how much it counts."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count, Nonnegative, Positive, PositiveShare, Whole


class EvidenceSettings(Settings):
    """Memory of the target's own transitions, and repeats, joined to the scores when training has ended."""

    group = "Evidence"

    memory_weight: Nonnegative | Literal["auto"] = option(
        "auto",
        "Weight of the memory's log probabilities in the scores; 0 has none. auto: from none to the memory alone, the "
        "one nearest to 1 of those within one standard error of the best on validation; 1 without any.",
        "Ours, after kNN-LM (arXiv 1911.00172)",
    )
    memory_reach: Count = option(10, "Largest distance of two items that count; they count 1 / distance.", "Ours")
    memory_backward: Nonnegative = option(0.5, "What a pair counts in the other direction.", "Ours")
    memory_decay: PositiveShare = option(0.5, "Weight of an item of the sequence relative to the next.", "Ours")
    memory_depth: Count = option(10, "Last items of the sequence that are read.", "Ours")
    memory_smoothing: Positive = option(20, "Weight of popularity in an item's transitions, in counts.", "Ours")
    repeat_items: bool | Literal["auto"] = option(
        "auto",
        "Whether items of the sequence are recommended again. auto: with a penalty, the nearest to what the training "
        "part suggests of those within one standard error of the best on validation. Where at most 1 in 1000 "
        "interactions of the training part is a repeat, it suggests not to recommend them again.",
        "Ours",
    )
    timed_evidence: bool | Literal["auto"] = option(
        "auto",
        "Whether evidence knows the clock: transitions that fade, their latent factors, what goes together on one day, "
        "counts of the last days, age, repeats, each weighed by what is known of the request. auto: where timestamps "
        "are times.",
        "Ours",
    )
    evidence_weights: Literal["auto", "own", "sources", "memory"] = option(
        "auto",
        "What the weights of evidence that knows the clock are learnt on. own: the target alone; sources: the sources "
        "alone; auto: the sources, then the target; memory: nothing, only transitions and popularity count.",
        "Ours",
    )
    evidence_frozen: bool = option(
        False,
        "Whether that evidence ends where the training part does; it is kept up to date until the day before each "
        "request otherwise.",
    )
    shared_items: Literal["apart", "evidence"] = option(
        "apart",
        "What items are that a source has under the same id as the target. apart: different ones. evidence: the "
        "source's interactions with them are counted as the target's own, each from the day after it on, where "
        "evidence knows the clock.",
        "Ours",
    )
    evidence_depth: Count = option(
        40, "Last items of the history that the transitions of all of them read, each as much as another.", "Ours"
    )
    evidence_half_life: Annotated[float, Ge(1)] = option(
        365, "Days after which a transition that fades counts half.", "Ours"
    )
    evidence_factors: Whole = option(
        64, "Number of latent factors that are made of which items follow which; 0 has none.", "Ours"
    )
    evidence_refresh: Count = option(1, "Days after which latent factors are made anew.", "Ours")
    evidence_rows: Count = option(
        2500, "Largest number of interactions that weights are learnt on, of each domain.", "Ours"
    )
    evidence_worth: bool = option(
        True,
        "Whether to measure what each kind of evidence that knows the clock is worth: seconds, and no result hangs on "
        "it.",
        decides="nothing",
    )
