"""The evidence of a domain beside a model's scores: with a clock all that `TimedEvidence` has, a memory without."""

# Shapes: B sequences, L positions, I items (row 0 is padding).

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.domains.clock import DAY, spans_days
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests
from recbole_metarec.evidence.asked import Asked
from recbole_metarec.evidence.kinds import KINDS
from recbole_metarec.evidence.memory import TransitionMemory
from recbole_metarec.evidence.timed import TimedEvidence
from recbole_metarec.evidence.transitions import TransitionCounts, share_of_repeats
from recbole_metarec.evidence.weights import EvidenceWeights, Weighing
from recbole_metarec.settings.evidence import EvidenceSettings

# Until validation says more, items do not come twice where no larger share of a domain's interactions are repeats.
REPEAT_SHARE = 0.001


class Evidence(nn.Module):
    """What a domain's sequences say without gradient descent, and how much of it is joined to scores.

    Its tables are made from the data and stay out of ``state_dict``; see `state` for what a checkpoint keeps.

    Parameters
    ----------
    memory : TransitionMemory, optional
    weights : EvidenceWeights
    alone : bool
        Whether nothing else scores, so that the memory needs no weight.
    timed : TimedEvidence, optional
        In the place of the memory.
    until : float, optional
        Time (seconds since 1970) from which on ``timed`` counts nothing.
    fit_memory : callable, optional
        Makes the memory, if ``timed`` is to be given up.

    Attributes
    ----------
    weights : EvidenceWeights
        Those that count where no others are tried.
    """

    def __init__(
        self,
        memory: TransitionMemory | None,
        weights: EvidenceWeights,
        alone: bool = False,
        timed: TimedEvidence | None = None,
        until: float | None = None,
        fit_memory: Callable[[], TransitionMemory] | None = None,
    ) -> None:
        super().__init__()
        self.memory, self.alone, self.timed, self.until = memory, alone, timed, until
        self._fit_memory = fit_memory
        self.weights = weights

    @classmethod
    def fit(
        cls,
        domain: Domain,
        settings: EvidenceSettings,
        alone: bool = False,
        counted: Domain | None = None,
        also: Sequence[Domain] = (),
    ) -> Self:
        """Count what a domain says.

        Parameters
        ----------
        domain : Domain
            The training part of a target.
        settings : EvidenceSettings
        alone : bool
            Whether nothing else scores: the memory is needed, and its weight is infinite; it is 0 otherwise.
        counted : Domain, optional
            What evidence that is kept up to date counts, each interaction from the day after it on; by default the
            training part.
        also : sequence of Domain
            What it counts as well: interactions of others with the same items, with times.

        Returns
        -------
        Evidence
        """
        repeats = settings.repeat_items
        if repeats == "auto":
            repeats = share_of_repeats(domain) > REPEAT_SHARE
        weights = EvidenceWeights(math.inf if alone else 0.0, 0.0 if repeats else math.inf)
        if knows_clock(domain, settings):
            counted = domain if counted is None or settings.evidence_frozen else counted
            until = None
            if settings.evidence_frozen and domain.times is not None and len(domain.times):
                until = float(domain.times.max()) + DAY
            timed = TimedEvidence.fit(counted, settings, also)
            return cls(None, weights, alone, timed, until, partial(fit_memory, domain, settings))
        memory = fit_memory(domain, settings) if alone or settings.memory_weight != 0 else None
        return cls(memory, weights, alone)

    def joined(
        self,
        scores_BI: Tensor,
        item_seq: Tensor,
        item_seq_len: Tensor,
        trials: Iterable[EvidenceWeights],
        requests: Requests | None = None,
    ) -> Iterator[Tensor]:
        """Join the scores of sequences with memory and penalty of repeats, with one set of weights after the other.

        The memory is asked once.

        Parameters
        ----------
        scores_BI : Tensor, shape (B, I)
            Minus infinity for padding; as it was when all are done.
        item_seq : LongTensor, shape (B, L)
            Item ids, right-padded with 0.
        item_seq_len : LongTensor, shape (B,)
            Number of items in each sequence.
        trials : iterable of EvidenceWeights
        requests : Requests, optional
            The whole histories with their times, for evidence that knows the clock.

        Yields
        ------
        Tensor, shape (B, I)
            Until the next is asked for.
        """
        memory_BI: Tensor | None = None
        asked: Iterable[Asked] | None = None
        trials = [*trials]
        for memory_weight, repeat_penalty, timed in trials:
            joined_BI = scores_BI
            if timed is not None:
                assert self.timed is not None
                assert requests is not None
                if asked is None:
                    asked = self.timed.ask(requests, until=self.until)
                    # A single trial takes one block after the other, each in the memory of the one before.
                    asked = asked if len(trials) == 1 else list(asked)
                joined_BI = weighed(scores_BI, asked, timed)
            elif self.memory is not None and memory_weight != 0:
                memory_BI = self.memory(item_seq, item_seq_len) if memory_BI is None else memory_BI
                if memory_weight == math.inf:
                    joined_BI = memory_BI.where(~scores_BI.isneginf(), scores_BI)
                else:
                    joined_BI = torch.add(scores_BI, memory_BI, alpha=memory_weight)
            if repeat_penalty == 0:
                yield joined_BI
            else:
                without_BL = joined_BI.gather(1, item_seq)
                yield joined_BI.scatter_(1, item_seq, without_BL - repeat_penalty)
                joined_BI.scatter_(1, item_seq, without_BL)

    def tables(self) -> dict[str, Any]:
        """Return all that scoring needs, as plain values and arrays; see `of_tables`."""
        return {
            "weights": self.weights.plain(),
            "alone": self.alone,
            "until": self.until,
            "timed": None if self.timed is None else self.timed.state(),
            "memory": None if self.memory is None else self.memory.state(),
        }

    @classmethod
    def of_tables(cls, tables: Mapping[str, Any], settings: EvidenceSettings) -> Self:
        """Make evidence of what `tables` returned, exactly as it was.

        Raises
        ------
        KeyError
            If something is missing.
        """
        memory, timed = tables["memory"], tables["timed"]
        return cls(
            None if memory is None else TransitionMemory.of_state(memory, settings),
            EvidenceWeights.of(tables["weights"]),
            tables["alone"],
            None if timed is None else TimedEvidence.of_state(timed, settings),
            tables["until"],
        )

    def counting_also(self, domain: Domain, new: npt.NDArray[np.bool_], settings: EvidenceSettings) -> Evidence:
        """Return evidence that counts more interactions; weights stay.

        Parameters
        ----------
        domain : Domain
            Of the same items, and with times if evidence knows the clock.
        new : bool array, shape (n_interactions,)
            Which of them are counted; the others are what their users had before, and counted already.
        settings : EvidenceSettings

        Returns
        -------
        Evidence
        """
        memory, timed, until = self.memory, copy(self.timed), self.until
        if memory is not None and memory.counts is not None:
            more = TransitionCounts.fit(domain, settings.memory_reach, settings.memory_backward, new)
            memory = TransitionMemory.of_counts(memory.counts.and_also(more), settings)
        if timed is not None and new.any():
            assert domain.times is not None
            timed.update(domain.requests(np.flatnonzero(new)), domain.items[new])
            until = None if until is None else max(until, float(domain.times[new].max()) + DAY)
        return Evidence(memory, self.weights, self.alone, timed, until)

    def with_items(self, n_items: int, settings: EvidenceSettings) -> Evidence:
        """Return evidence with more items, of which nothing is counted, behind the others."""
        memory, timed = self.memory, copy(self.timed)
        if memory is not None and memory.counts is not None:
            none = TransitionCounts(csr_array((n_items + 1, n_items + 1)), np.zeros(n_items + 1, np.int64))
            memory = TransitionMemory.of_counts(memory.counts.and_also(none), settings)
        if timed is not None:
            timed.grow(n_items)
        return Evidence(memory, self.weights, self.alone, timed, self.until)

    def forget_clock(self) -> None:
        """Put the memory of the training part in the place of evidence that knows the clock."""
        if self.timed is not None:
            self.timed = None
            self.memory = None if self._fit_memory is None else self._fit_memory()

    def state(self) -> dict[str, Any]:
        """Return the plain values that a checkpoint keeps."""
        return self.weights.plain()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        What was written before evidence could know the clock goes on without.

        Raises
        ------
        KeyError
            If a weight is missing.
        """
        self.weights = EvidenceWeights.of(state)
        if "timed" not in state:
            self.forget_clock()


def knows_clock(domain: Domain, settings: EvidenceSettings) -> bool:
    """Whether evidence of a domain is to know the clock.

    There must be one, and enough different days; where nobody says, no memory of a certain weight must be asked for.
    """
    wanted = settings.timed_evidence if settings.timed_evidence != "auto" else settings.memory_weight == "auto"
    return bool(wanted) and domain.times is not None and spans_days(domain.times)


def weighed(scores_BI: Tensor, asked: Iterable[Asked], weighing: Weighing) -> Tensor:
    """Join the scores of a model with evidence that knows the clock.

    Parameters
    ----------
    scores_BI : Tensor, shape (B, I)
        Minus infinity for what is no candidate.
    asked : iterable of Asked
        Evidence for each of the rows.
    weighing : Weighing
        Without weights of the model's score, that does not count.

    Returns
    -------
    Tensor, shape (B, I)
    """
    of_evidence_KC, of_model_1C = weighing.weights.split([len(KINDS), len(weighing.weights) - len(KINDS)])
    joined_BI = torch.empty_like(scores_BI)
    for part in asked:
        rows = _slice_of(part.rows)
        own_BI = scores_BI[rows]
        trust_B1 = (part.context_BC @ of_model_1C.sum(0)).to(own_BI.device)[:, None]
        weighed_BI = own_BI * trust_B1
        # Minus infinity stays what it is by itself where the factor is above 0.
        closed_BI = None if bool((trust_B1 > 0).all()) else own_BI.isneginf()
        if closed_BI is not None:
            weighed_BI.masked_fill_(closed_BI, 0)
        if scores_BI.is_cpu:
            part.add_scores(weighed_BI, of_evidence_KC)
        else:
            weighed_BI += part.add_scores(torch.zeros(own_BI.shape), of_evidence_KC).to(own_BI.device)
        if closed_BI is not None:
            weighed_BI.masked_fill_(closed_BI, -torch.inf)
        joined_BI[rows] = weighed_BI
    return joined_BI


def _slice_of(rows: npt.NDArray[np.int64]) -> slice | Tensor:
    """Return rows that lie one behind the other as a slice, which copies nothing."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first == len(rows) - 1 and (np.diff(rows) == 1).all():
        return slice(first, last + 1)
    return torch.from_numpy(rows)


def fit_memory(domain: Domain, settings: EvidenceSettings) -> TransitionMemory:
    """Count the transitions of a domain; see `TransitionMemory`."""
    return TransitionMemory.of_counts(
        TransitionCounts.fit(domain, settings.memory_reach, settings.memory_backward), settings
    )
