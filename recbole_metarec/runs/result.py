"""What one training run gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from recbole_metarec.evaluation.ranking import is_of_ranks, metric_of_ranks
from recbole_metarec.evaluation.targets import Ranks, Targets
from recbole_metarec.inspection.card import named

ARRAYS = ("targets", "ranks", "other_ranks", "valid_targets", "valid_ranks", "valid_other_ranks")
"""Attributes of `RunResult` that hold a value for each row."""

DIAGNOSTICS: dict[str, Any] = {"source_weights": None, "weight_history": [], "codebook": None, "evidence": None}
"""Diagnostics that reports show, as they stand where a model has none.

``source_weights``: mean weight of each source, by name; ``weight_history``: the same of each epoch; ``codebook``: how
the target's items use the codes, see `recbole_metarec.nn.quantizers.usage.Usage`; ``evidence``: how evidence that
knows the clock is weighed, see `recbole_metarec.evidence.learning.Learnt.plain`.
"""


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
    known_items : bool
        Whether items that nobody had on a day before the request were none either.
    unseen_targets : float or None
        Share of the test targets that nobody had on a day before the request; ``None`` if nothing knows the time.
    preset : str or None
        Of the model's settings.
    mode : str
        What was ranked, as in ``eval_args``: ``full``, or ``uni20`` for the target among 20 sampled items.
    valid, test : dict of str to float
        Metrics at the epoch with the best validation, RecBole's names in lower case.
    seconds : float
        Wall-clock time of training and evaluation.
    epochs : int
        Epochs on the target.
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
    peak_memory : float
        Largest resident memory during the run, in MB (2**20 bytes).
    diagnostics : dict of str to Any
        What is known of the model beside, as plain values; reports know those of `DIAGNOSTICS`.
    targets, valid_targets : Targets or None
        What was to be found in the test split, and in validation; not part of the JSON.
    ranks, valid_ranks : int64 array, shape (n_targets,), or None
        Rank of each of them; likewise.
    other_ranks, valid_other_ranks : int64 array, shape (n_targets,), or None
        Their ranks with history masked if ``mask_history`` is off, not masked if it is on; ``None`` where sampled
        candidates are ranked, for which there is no such choice.
    """

    model: str
    variant: str | None
    dataset: str
    source_datasets: list[str]
    seed: int
    mask_history: bool
    valid: dict[str, float]
    test: dict[str, float]
    seconds: float = 0.0
    epochs: int = 0
    memory_weight: float | None = None
    preset: str | None = None
    mode: str = "full"
    known_items: bool = False
    unseen_targets: float | None = None
    n_users: int = 0
    n_targets: int = 0
    cold: dict[str, float] | None = None
    checkpoint: str | None = None
    log: str | None = None
    curve: list[float] = field(default_factory=list)
    peak_memory: float = 0.0
    diagnostics: dict[str, Any] = field(default_factory=dict)
    targets: Targets | None = field(default=None, repr=False, compare=False)
    ranks: Ranks | None = field(default=None, repr=False, compare=False)
    other_ranks: Ranks | None = field(default=None, repr=False, compare=False)
    valid_targets: Targets | None = field(default=None, repr=False, compare=False)
    valid_ranks: Ranks | None = field(default=None, repr=False, compare=False)
    valid_other_ranks: Ranks | None = field(default=None, repr=False, compare=False)

    @property
    def label(self) -> str:
        """Name of the run in a table."""
        return named(self.model, self.preset, self.variant)

    def diagnostic(self, name: str) -> Any:
        """Return one of `DIAGNOSTICS`."""
        return self.diagnostics.get(name, DIAGNOSTICS[name])

    def with_history(self, masked: bool) -> RunResult | None:
        """Return the run as it was tested and validated with history masked or not; ``None`` if it was not.

        Metrics that are no function of ranks stay those of the protocol that ``mask_history`` asks for.
        """
        if masked == self.mask_history:
            return self
        if self.other_ranks is None:
            return None
        return replace(
            self,
            mask_history=masked,
            test=_with_ranks(self.test, self.other_ranks),
            valid=_with_ranks(self.valid, self.valid_other_ranks),
            cold=None,
            ranks=self.other_ranks,
            other_ranks=self.ranks,
            valid_ranks=self.valid_other_ranks,
            valid_other_ranks=self.valid_ranks,
        )

    def to_plain(self) -> dict[str, Any]:
        """Return the run without its rows as plain values; JSON knows no infinity, which becomes ``"inf"``."""
        plain = asdict(self)
        for name in ARRAYS:
            del plain[name]
        if plain["memory_weight"] == math.inf:
            plain["memory_weight"] = "inf"
        return plain

    def to_json(self) -> dict[str, Any]:
        """Return the run as users read it: `to_plain`, its diagnostics beside the other keys, the other protocol."""
        plain, other = self.to_plain(), self.with_history(not self.mask_history)
        diagnostics = plain.pop("diagnostics")
        otherwise = other and {
            "mask_history": other.mask_history,
            "valid": {name: value for name, value in other.valid.items() if is_of_ranks(name)},
            "test": {name: value for name, value in other.test.items() if is_of_ranks(name)},
        }
        return {**plain, **DIAGNOSTICS, **diagnostics, "other_history": otherwise}


def _with_ranks(metrics: Mapping[str, float], ranks: Ranks | None) -> dict[str, float]:
    """Compute metrics that are functions of ranks anew; without ranks they are left out."""
    return {
        name: float(metric_of_ranks(name, ranks).mean()) if ranks is not None and is_of_ranks(name) else value
        for name, value in metrics.items()
        if ranks is not None or not is_of_ranks(name)
    }
