"""A quantizer from outside the package: residual vector quantization, one class and its name in a table."""

from __future__ import annotations

from pathlib import Path

import planted
import pytest
import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.models.metarec.model import MetaRec
from recbole_metarec.nn.quantizers import QUANTIZERS, Quantized, Quantizer
from recbole_metarec.runs.run import run_one
from recbole_metarec.settings.quantizer import QuantizerSettings


class ResidualQuantizer(Quantizer):
    """Each codebook quantizes what those before it left (RQ-VAE, https://arxiv.org/abs/2203.01941)."""

    def __init__(self, width: int, heads: int, codes: int) -> None:
        super().__init__()
        self.heads, self.codes = heads, codes
        self.codebooks = nn.Parameter(torch.randn(heads, codes, width) * 0.02)

    @classmethod
    def from_settings(cls, settings: QuantizerSettings, width: int) -> Self:
        return cls(width, settings.quantizer_heads, settings.codebook_size)

    def forward(self, z_ND: Tensor, codes_NH: Tensor | None = None) -> Quantized:
        left_ND, codes = z_ND, []
        for head, codebook_KD in enumerate(self.codebooks):
            nearest_N = torch.cdist(left_ND, codebook_KD).argmin(1) if codes_NH is None else codes_NH[:, head]
            codes.append(nearest_N)
            left_ND = left_ND - codebook_KD[nearest_N]
        quantized_ND = z_ND - left_ND
        loss = (quantized_ND - z_ND.detach()).square().mean() + 0.25 * (z_ND - quantized_ND.detach()).square().mean()
        return Quantized(z_ND + (quantized_ND - z_ND).detach(), torch.stack(codes, 1), loss)


def test_a_quantizer_is_a_class_in_a_table(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(QUANTIZERS, "residual", ResidualQuantizer)
    settings = planted.settings(suite, quantizer="residual", warmup_epochs=1, epochs=2, meta_epochs=1)
    result = run_one(settings)
    assert result.test["ndcg@10"] > 0
    assert 0 < result.diagnostics["codebook"]["share"] <= 1


def test_it_is_the_one_that_the_model_has(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Quantizer | None] = []
    make = MetaRec.__init__

    def note(self: MetaRec, *arguments: object) -> None:
        make(self, *arguments)  # type: ignore[arg-type]
        built.append(self.encoder.quantizer)

    monkeypatch.setitem(QUANTIZERS, "residual", ResidualQuantizer)
    monkeypatch.setattr(MetaRec, "__init__", note)
    run_one(planted.settings(suite, quantizer="residual", source_datasets=[], epochs=1))
    assert isinstance(built[0], ResidualQuantizer)
