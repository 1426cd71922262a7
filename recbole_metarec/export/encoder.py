"""Sequence encoders as ONNX."""

# Shapes: B sequences, L positions, D width.

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from recbole_metarec.inference.encoder import EncoderPart, SequenceEncoder
from recbole_metarec.nn.backbones import Backbone

# The sizes of the example that the exporter traces; the file takes others, too.
_BATCH, _LENGTH = 3, 2


class _Exportable(nn.Module):
    """A `SequenceEncoder` in operations that ONNX has."""

    def __init__(self, parts: Sequence[EncoderPart], max_length: int) -> None:
        super().__init__()
        self.widths = [part.settings.hidden_size for part in parts]
        self.normed = [part.normed for part in parts]
        self.backbones = nn.ModuleList(part.backbone.exportable(max_length) for part in parts)

    def forward(self, item_vectors: Tensor, lengths: Tensor) -> Tensor:
        states = []
        own = item_vectors.split(self.widths, dim=-1)
        backbones = cast(list[Backbone], list(self.backbones))
        for backbone, normed, x_BLD in zip(backbones, self.normed, own, strict=True):
            state_BD = backbone.at(x_BLD, lengths - 1)
            states.append(nn.functional.normalize(state_BD, dim=-1) if normed else state_BD)
        return torch.cat(states, 1)


def encoder_onnx(encoder: SequenceEncoder) -> bytes:
    """Write a sequence encoder as an ONNX model.

    Its inputs are ``item_vectors`` (float32, B x L x D), right-padded, and ``lengths`` (int64, B), at least 1; its
    output ``states`` (float32, B x D). B is any, L up to the longest sequence that the encoder reads. Item vectors stay
    outside, so that items may come and go without a new export.

    Parameters
    ----------
    encoder : SequenceEncoder

    Returns
    -------
    bytes
    """
    module = _Exportable(encoder.parts, encoder.max_length).eval()
    longest = max(_LENGTH, encoder.max_length)
    example = torch.zeros(_BATCH, _LENGTH, sum(module.widths)), torch.ones(_BATCH, dtype=torch.int64)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=longest)
    with _quiet():
        program = torch.onnx.export(
            module,
            example,
            input_names=["item_vectors", "lengths"],
            output_names=["states"],
            dynamic_shapes={"item_vectors": {0: batch, 1: length}, "lengths": {0: batch}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    return bytes(program.model_proto.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch's exporter says of libraries that it does not need and of its own insides."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
