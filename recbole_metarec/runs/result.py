"""What one training run gave."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from recbole_metarec.evaluation.targets import Ranks, Targets

ARRAYS = ("targets", "ranks", "valid_targets", "valid_ranks")
"""Attributes of `RunResult` that hold a value for each row."""


@dataclass(frozen=True)
class RunResult:
    """What one training run gave.

    Attributes
    ----------
    model, dataset : str
        Names.
    variant : {"transfer", "scratch", "ensemble"} or None
        ``None`` for models that cannot transfer.
    source_datasets : list of str
        Sources that were used.
    seed : int
        RecBole's seed.
    mask_history : bool
        Whether earlier items were no candidates.
    mode : str
        What was ranked, as in ``eval_args``: ``full``, or ``uni20`` for the target among 20 sampled items.
    valid, test : dict of str to float
        Metrics at the epoch with the best validation, RecBole's names in lower case.
    source_weights : dict of str to float or None
        Mean weight of each source over meta transfer.
    seconds : float
        Wall-clock time of training and evaluation.
    epochs : int
        Epochs on the target.
    codebook : dict of str to float or None
        Codebook usage by the target's items: see `Usage`.
    memory_weight : float or None
        Weight of the memory in the scores, infinite where it is all that counts; ``None`` for RecBole's own models.
    n_users, n_targets : int
        Users in the test split, and items to be found; the same number in a leave-one-out split.
    checkpoint, log : str or None
        Files that were written.
    cold : dict of str to float or None
        Metrics over the users whose target stands nowhere in the training part, and their number as ``n_users``;
        ``None`` if there are none, or for models that do not read sequences.
    curve : list of float
        Validation score of each evaluation during training.
    weight_history : list of dict of str to float
        Source weights of each epoch of meta transfer.
    peak_memory : float
        Largest resident memory during the run, in MB (2**20 bytes).
    targets, valid_targets : Targets or None
        What was to be found in the test split, and in validation; not part of the JSON.
    ranks, valid_ranks : int64 array, shape (n_targets,), or None
        Rank of each of them; likewise. Validation's are of this package's models alone.
    """

    model: str
    variant: str | None
    dataset: str
    source_datasets: list[str]
    seed: int
    mask_history: bool
    valid: dict[str, float]
    test: dict[str, float]
    source_weights: dict[str, float] | None
    seconds: float
    epochs: int
    codebook: dict[str, float] | None = None
    memory_weight: float | None = None
    mode: str = "full"
    n_users: int = 0
    n_targets: int = 0
    cold: dict[str, float] | None = None
    checkpoint: str | None = None
    log: str | None = None
    curve: list[float] = field(default_factory=list)
    weight_history: list[dict[str, float]] = field(default_factory=list)
    peak_memory: float = 0.0
    targets: Targets | None = field(default=None, repr=False, compare=False)
    ranks: Ranks | None = field(default=None, repr=False, compare=False)
    valid_targets: Targets | None = field(default=None, repr=False, compare=False)
    valid_ranks: Ranks | None = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """Name of the run in a table."""
        return self.model if self.variant in (None, "transfer") else f"{self.model} ({self.variant})"

    def to_json(self) -> dict[str, Any]:
        """Return the run as plain values; JSON knows no infinity, which becomes ``"inf"``."""
        plain = asdict(self)
        for name in ARRAYS:
            del plain[name]
        if plain["memory_weight"] == math.inf:
            plain["memory_weight"] = "inf"
        return plain
