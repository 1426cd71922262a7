"""The recurrent network of GRU4Rec."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from typing_extensions import Self

from recbole_metarec.nn.backbones.base import Backbone
from recbole_metarec.nn.draws import drawing_alone
from recbole_metarec.nn.dropout import Dropout
from recbole_metarec.settings.backbone import BackboneSettings


class GRUBackbone(Backbone):
    """Stacked GRU.

    Source: GRU4Rec, https://arxiv.org/abs/1511.06939, in the form of RecBole's ``gru4rec.py``.

    Parameters
    ----------
    width : int
        Width D.
    layers : int
        Number of layers.
    inner_width : int
        Width of the recurrent state.
    dropout : float
        Dropout of the input and between layers.
    """

    def __init__(self, width: int, layers: int, inner_width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.gru = nn.GRU(width, inner_width, layers, bias=False, batch_first=True, dropout=dropout * (layers > 1))
        self.out = nn.Linear(inner_width, width)
        for name, parameter in self.gru.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(parameter)
            else:
                nn.init.xavier_uniform_(parameter)

    @classmethod
    def from_settings(cls, settings: BackboneSettings) -> Self:
        """See `Backbone`."""
        return cls(settings.hidden_size, settings.n_layers, settings.inner_size, settings.hidden_dropout_prob)

    def forward(self, x_BLD: Tensor, length_B: Tensor | None = None, *, twice_differentiable: bool = False) -> Tensor:
        """See `Backbone`."""
        # cuDNN's recurrence has no second derivative.
        x_BLD = self.dropout(x_BLD)
        with torch.backends.cudnn.flags(enabled=torch.backends.cudnn.enabled and not twice_differentiable):
            if self.training and self.gru.dropout:
                with drawing_alone():
                    states, _ = self.gru(x_BLD)
            else:
                states, _ = self.gru(x_BLD)
        encoded: Tensor = self.out(states)
        return encoded
