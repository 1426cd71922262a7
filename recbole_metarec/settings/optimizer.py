"""Epochs, batches and the optimizer."""

from __future__ import annotations

from typing import Annotated

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import ClipNorm, Count, Is, Learner, Negatives, Nonnegative, Positive, Seed, Whole


class WindowSettings(Settings):
    """What RecBole draws for its own models, and this package draws itself."""

    group = "Windows"

    train_neg_sample_args: Negatives | None = option(None, "Models of this package draw their negatives themselves.")
    transform: Annotated[None, Is("~, since models of this package draw their windows themselves")] = option(None)


class OptimizerSettings(WindowSettings):
    """How long and how fast a model learns on the target."""

    group = "Training"

    epochs: Count = option(200, "Largest number of epochs on the target, with or without sources.")
    stopping_step: Whole = option(10, "Evaluations without improvement before training stops.", "LRURec")
    eval_step: Count = option(1, "Epochs from one evaluation to the next.", "RecBole")
    train_batch_size: Count = option(128, "Windows in a batch.", "LRURec")
    learner: Learner = option("adamw", "RecBole's name of the optimizer.", "LRURec, MetaAdapt")
    learning_rate: Positive = option(0.001, "Of the optimizer.", "LRURec, RecBole's SASRec")
    weight_decay: Nonnegative = option(0.01, "Of the optimizer.", "LRURec's code")
    clip_grad_norm: ClipNorm | None = option(
        {"max_norm": 5.0}, "RecBole's arguments of clip_grad_norm_; ~ does not clip.", "LRURec"
    )
    max_bad_batches: Whole = option(
        0,
        "Batches whose loss or gradient is not finite that are skipped; one more ends the run. 0 skips none, and looks "
        "for them without waiting for a GPU.",
    )
    seed: Seed = option(2020, "Of everything that is drawn.", "RecBole")
