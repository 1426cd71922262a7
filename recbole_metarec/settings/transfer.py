"""Meta transfer from several sources."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic.types import AllowInfNan

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count, Few, Is, Nonnegative, Positive, Share, named_in

_Weighting = Annotated[str, named_in("recbole_metarec.transfer.meta:WEIGHTINGS", "similarity", "alike")]


class TransferSettings(Settings):
    """Inner steps on sources, guided by the target (MetaAdapt, arXiv 2305.12692)."""

    group = "Meta transfer"

    inner_steps: Few = option(1, "Gradient steps on a source before the target's loss is taken.", "MetaAdapt has 3")
    inner_learning_rate: Positive = option(0.05, "Rate of the inner steps (alpha).", "Ours")
    learn_inner_rates: bool = option(False, "Learn a rate for each tensor and inner step.", "MetaAdapt does")
    inner_rate_learning_rate: Positive = option(1e-5, "Rate at which rates are learnt.", "MetaAdapt has 5e-6")
    second_order: bool = option(False, "Differentiate through the inner steps.", "MetaAdapt does; MetaEvent does not")
    sources_per_step: Count | None = option(
        4, "Sources in a meta step, drawn anew for each; ~ takes all.", "Ours; MetaAdapt has 3"
    )
    split_target: bool = option(
        True,
        "Deal the target's batch out to the sources of a step, in place of giving each the whole.",
        "Ours: a step then costs hardly more than one on each domain",
    )
    similarity_scope: Literal["global", "tensor"] = option(
        "global", "global | tensor: one cosine, or the mean over tensors as in MetaAdapt.", "Ours"
    )
    similarity_smoothing: Share = option(
        0.9, "Share of the former similarity kept at each step.", "Ours: one batch is noise"
    )
    source_weighting: Annotated[str, named_in("recbole_metarec.transfer.meta:WEIGHTINGS", "similarity", "alike")] = (
        option(
            "similarity",
            "similarity | alike: a softmax over the similarities of sources and target, or the same weight for all.",
            "MetaRec | MAML",
        )
    )
    temperature: Annotated[float, AllowInfNan(True), Is("a number, above 0, or inf", lambda value: value > 0)] = option(
        0.1, "Softmax temperature of source weights (tau).", "MetaAdapt's README"
    )
    source_share: Nonnegative = option(
        1.0, "Weight of the sources' own gradients in the outer step; 0 is MAML.", "Ours"
    )
