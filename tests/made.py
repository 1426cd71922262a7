"""Recommenders that need no training: random vectors, encoders of random weights, evidence of random sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.weights import EvidenceWeights, Weighing
from recbole_metarec.inference.encoder import EncoderPart, SequenceEncoder
from recbole_metarec.inference.recommender import Recommender
from recbole_metarec.inference.scorer import Scorer
from recbole_metarec.inference.section import Section
from recbole_metarec.nn.backbones import build_backbone
from recbole_metarec.settings.backbone import BackboneSettings
from recbole_metarec.settings.evidence import EvidenceSettings

FIRST_DAY = 16_000


SETTINGS = EvidenceSettings(memory_depth=4, evidence_depth=6)


def make_domain(
    n_items: int = 40, n_users: int = 60, longest: int = 12, n_days: int = 60, skew: float = 1.0, seed: int = 0
) -> Domain:
    """Draw sequences by popularity, which falls with the rank to the power of ``skew``.

    The last two items nobody has, and some come on one day with others.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest + 1, n_users)
    popularity = 1 / np.arange(1, n_items - 1) ** skew
    items = rng.choice(n_items - 2, lengths.sum(), p=popularity / popularity.sum()) + 1
    times = [np.sort(rng.integers(0, n_days, length)) for length in lengths]
    offsets = np.append(0, np.cumsum(lengths))
    return Domain("made", items, offsets, n_items, (FIRST_DAY + np.concatenate(times)) * float(DAY))


def make_encoder(*backbones: str, width: int = 8, max_length: int = 10, normed: bool = False) -> SequenceEncoder:
    """Make encoders side by side."""
    parts = []
    for name in backbones:
        settings = BackboneSettings(
            backbone=name, hidden_size=width, n_layers=2, inner_size=12, MAX_ITEM_LIST_LENGTH=max_length
        )
        parts.append(EncoderPart(settings, build_backbone(settings).eval(), normed))
    return SequenceEncoder(parts, max_length)


def make_evidence(
    domain: Domain, kind: str, alone: bool = False, settings: EvidenceSettings = SETTINGS, seed: int = 0
) -> Evidence:
    """Count a domain, with weights drawn at random."""
    chosen = settings.model_copy(update={"timed_evidence": kind == "timed"})
    if kind == "none":
        chosen = chosen.model_copy(update={"memory_weight": 0.0})
    evidence = Evidence.fit(domain, chosen, alone)
    timed = None
    if kind == "timed":
        rng = np.random.default_rng(seed)
        drawn = rng.normal(size=(len(KINDS) + (not alone), len(CONTEXT))) / 3
        timed = Weighing(torch.from_numpy(drawn).float())
    memory = evidence.weights.memory_weight if alone else float(kind == "memory") * 1.5
    evidence.weights = EvidenceWeights(memory, 0.7, timed)
    return evidence


def make_recommender(
    domain: Domain,
    evidence: Evidence,
    encoder: SequenceEncoder,
    *,
    codes: bool = False,
    titles: Sequence[str] = (),
    first_days: Any = None,
    settings: EvidenceSettings = SETTINGS,
    seed: int = 0,
) -> Recommender:
    """Put a recommender together; items are called i1, i2 and so on."""
    rng = torch.Generator().manual_seed(seed)
    inputs, outputs = (torch.randn(domain.n_items + 1, sum(encoder.widths), generator=rng) for _ in range(2))
    scorer = Scorer(inputs, outputs, encoder, evidence, first_days)
    codes_IH = np.random.default_rng(seed).integers(0, 5, (domain.n_items, 3)) if codes else None
    kept = Section(scorer, settings, titles, codes_IH)
    names = [f"i{number}" for number in range(1, domain.n_items + 1)]
    return Recommender(kept, names, {"model": "MetaRec", "dataset": domain.name, "seed": seed})


def save(rec: Recommender, path: Path) -> Path:
    """Write a checkpoint that holds no more than what a recommender needs."""
    rec.save(path)
    return path
