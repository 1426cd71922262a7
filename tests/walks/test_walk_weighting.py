"""A weighting of sources from outside the package: one function, and its name in a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import planted
import pytest
import torch
from torch import Tensor

from recbole_metarec.errors import UserError
from recbole_metarec.runs.run import run, run_one
from recbole_metarec.transfer.meta import WEIGHTINGS, SourceGradient


def the_best_alone(gradients: Sequence[SourceGradient], similarities: Tensor, temperature: float) -> Tensor:
    """Give all weight to the source whose steps lower the target's loss most."""
    losses_S = torch.stack([gradient.loss for gradient in gradients])
    return torch.nn.functional.one_hot(losses_S.argmin(), len(losses_S)).float()


def test_a_weighting_is_a_function_in_a_table(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTINGS, "best", the_best_alone)
    settings = planted.settings(suite, source_weighting="best", warmup_epochs=1, epochs=2, meta_epochs=2)
    weights = run_one({**settings, "split_target": False, "train_batch_size": 16}).diagnostics["source_weights"]
    assert weights is not None
    assert sum(weights.values()) == pytest.approx(1)
    # four steps an epoch, each with one source
    assert all(4 * 2 * weight == pytest.approx(round(4 * 2 * weight)) for weight in weights.values())


def test_all_alike_is_an_infinite_temperature(suite: Path) -> None:
    short = {"warmup_epochs": 1, "epochs": 2, "meta_epochs": 2}
    alike = run_one(planted.settings(suite, **short, source_weighting="alike"))
    hot = run_one(planted.settings(suite, **short, temperature=float("inf")))
    assert alike.curve == hot.curve
    assert alike.test == hot.test


def test_the_message_lists_it(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTINGS, "best", the_best_alone)
    with pytest.raises(UserError, match="--source_weighting=worst: must be one of similarity, alike, best"):
        run(planted.settings(suite, source_weighting="worst"))
