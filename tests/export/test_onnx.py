"""Exported encoders compute what ours do, at other sizes than the example's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made import make_encoder

from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.nn.backbones import BACKBONES

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

MODELS = {**{name: (name,) for name in BACKBONES}, "ensemble": ("lru", "transformer")}


@pytest.fixture(scope="module", params=MODELS)
def exported(request: pytest.FixtureRequest) -> tuple[SequenceEncoder, object]:
    from recbole_metarec.export.encoder import encoder_onnx

    torch.manual_seed(0)
    encoder = make_encoder(*MODELS[request.param], max_length=21, normed=request.param == "ensemble")
    return encoder, onnxruntime.InferenceSession(encoder_onnx(encoder))


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize("length", [1, 2, 13, 21])
def test_states_are_the_same(exported, batch, length):
    encoder, session = exported
    x_BLD = torch.randn(batch, length, sum(encoder.widths))
    length_B = torch.randint(1, length + 1, (batch,))
    (states_BD,) = session.run(None, {"item_vectors": x_BLD.numpy(), "lengths": length_B.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(states_BD, encoder(x_BLD, length_B).numpy(), atol=1e-5)


def test_a_window_of_a_single_item():
    from recbole_metarec.export.encoder import encoder_onnx

    encoder = make_encoder("transformer", max_length=1)
    session = onnxruntime.InferenceSession(encoder_onnx(encoder))
    x_BLD, length_B = torch.randn(5, 1, 8), torch.ones(5, dtype=torch.int64)
    (states_BD,) = session.run(None, {"item_vectors": x_BLD.numpy(), "lengths": length_B.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(states_BD, encoder(x_BLD, length_B).numpy(), atol=1e-5)
