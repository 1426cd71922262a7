"""Sequence encoders as ONNX."""

# Shapes: B sequences, L positions, D width.

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

import torch

from recbole_metarec.inference.encoder import SequenceEncoder

# The sizes of the example that the exporter traces; the file takes others, too.
_BATCH, _LENGTH = 3, 2


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
    module = encoder.exportable()
    longest = max(_LENGTH, encoder.max_length)
    example = torch.zeros(_BATCH, _LENGTH, sum(module.widths)), torch.ones(_BATCH, dtype=torch.int64)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", max=longest)
    with _quiet():
        program = torch.onnx.export(
            module,
            example,
            input_names=["item_vectors", "lengths"],
            output_names=["states"],
            dynamic_shapes=({0: batch, 1: length}, {0: batch}),
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
