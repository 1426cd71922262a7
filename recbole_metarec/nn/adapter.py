"""From an item's features to its vector: a mixture of experts for each modality, and the fusion of text and image.

Papers: ANT, https://arxiv.org/abs/2309.10195, and the experts of UniSRec, https://arxiv.org/abs/2206.05941, equations 2
to 5; in the form of ANT's published code, https://github.com/ninglab/ANT.
"""

# Shapes: I items, W width of features, D width of item vectors, G experts.

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recbole_metarec.features.price import N_BUCKETS
from recbole_metarec.features.space import Features
from recbole_metarec.nn.dropout import Dropout
from recbole_metarec.nn.roles import Role
from recbole_metarec.settings.features import AdapterSettings

# Width of a price's embedding.
PRICE_WIDTH = 64


class Experts(nn.Module):
    """Mixture of linear experts with noisy gates (Shazeer et al., ICLR 2017, https://arxiv.org/abs/1701.06538).

    Expert ``k`` is a parametric whitening, ``(x - b_k) W_k``, or an affine map, ``x W_k + c_k``; its gate is
    ``softmax(x W_g + noise * (softplus(x W_n) + 0.01))``, without noise in evaluation.

    Parameters
    ----------
    width : int
        Width W of the features.
    out : int
        Width D of the result.
    experts : int
        Number G of experts; one is no mixture.
    dropout : float
        Dropout of the features before the experts.
    whitening : bool
        Which of the two.
    """

    def __init__(self, width: int, out: int, experts: int, dropout: float, whitening: bool) -> None:
        super().__init__()
        self.whitening = whitening
        self.weight = nn.Parameter(torch.empty(experts, width, out))
        self.bias = nn.Parameter(torch.zeros(experts, width if whitening else out))
        self.gate = nn.Parameter(torch.zeros(width, experts))
        self.noise = nn.Parameter(torch.zeros(width, experts))
        self.dropout = Dropout(dropout)
        for weight_WD in self.weight.detach():
            nn.init.xavier_normal_(weight_WD)

    def forward(self, x_IW: Tensor) -> Tensor:
        """Map features to vectors, shape (I, D)."""
        gates_IG = self.gates(x_IW)
        experts, _, out = self.weight.shape
        # one product with all experts at once
        every_IGD = (self.dropout(x_IW) @ self.weight.transpose(0, 1).flatten(1)).unflatten(1, (experts, out))
        bias_GD = torch.einsum("gw,gwd->gd", -self.bias, self.weight) if self.whitening else self.bias
        vectors_ID: Tensor = torch.bmm(gates_IG[:, None], every_IGD).squeeze(1) + gates_IG @ bias_GD
        return vectors_ID

    def gates(self, x_IW: Tensor) -> Tensor:
        """Weigh the experts for each item, shape (I, G); rows sum to 1."""
        logits_IG = x_IW @ self.gate
        if self.training and self.gate.shape[1] > 1:
            spread_IG = nn.functional.softplus(x_IW @ self.noise) + 0.01
            logits_IG = logits_IG + torch.randn_like(logits_IG) * spread_IG
        return logits_IG.softmax(-1)


class ItemFeatures(NamedTuple):
    """Features of items.

    Attributes
    ----------
    values : mapping of str to Tensor
        ``text`` and ``image``: shape (I, W); ``price``: buckets, shape (I,).
    present : mapping of str to BoolTensor, shape (I,)
        Which items have the modality.
    """

    values: Mapping[str, Tensor]
    present: Mapping[str, Tensor]

    def rows(self, ids: Tensor) -> ItemFeatures:
        """Return the features of some items."""
        return ItemFeatures(
            {name: values.index_select(0, ids) for name, values in self.values.items()},
            {name: flags.index_select(0, ids) for name, flags in self.present.items()},
        )

    def to(self, device: torch.device) -> ItemFeatures:
        """Copy the features to a device."""
        return ItemFeatures(
            {name: values.to(device) for name, values in self.values.items()},
            {name: flags.to(device) for name, flags in self.present.items()},
        )


class AdaptedItems(NamedTuple):
    """What an adapter makes of items.

    Attributes
    ----------
    vectors : Tensor, shape (I, D)
        Sum over modalities, and the fusion.
    parts : dict of str to Tensor, shape (I, D)
        Vector of each modality; 0 where it is missing.
    """

    vectors: Tensor
    parts: dict[str, Tensor]


class FeatureAdapter(nn.Module):
    """Item vectors from features: ``v = t + m + p + fusion * (t * m)``, of an item's modalities those that it has.

    Parameters
    ----------
    widths : mapping of str to int
        Width of ``text`` and ``image`` features; ``price`` needs none. What is not named is no part of the vectors.
    out : int
        Width D of item vectors.
    experts : int
        Experts of each modality.
    dropout : float
        Dropout of features.
    fusion : float
        Weight of the product of text and image; 0 has none.
    price_buckets : int
        Number of buckets; bucket 0 is a missing price.
    """

    def __init__(
        self, widths: Mapping[str, int], out: int, experts: int, dropout: float, fusion: float, price_buckets: int
    ) -> None:
        super().__init__()
        self.out, self.fusion = out, fusion
        self.experts = nn.ModuleDict()
        for name, width in widths.items():
            linear = name == "price"
            self.experts[name] = Experts(PRICE_WIDTH if linear else width, out, experts, dropout, not linear)
        if "price" in widths:
            self.price = nn.Embedding(price_buckets + 1, PRICE_WIDTH)
            nn.init.normal_(self.price.weight, std=PRICE_WIDTH**-0.5)

    def roles(self) -> dict[str, Role]:
        """Say what its parameters are to other domains, by the beginning of names; see `Role`.

        The bias of the experts for prices is taken over as in ANT's published code.
        """
        return {"": Role.ITEMS, "price": Role.VALUES, "experts.price.bias": Role.VALUES}

    def forward(self, features: ItemFeatures) -> AdaptedItems:
        """Map features to item vectors.

        Parameters
        ----------
        features : ItemFeatures
            Modalities may be left out.

        Returns
        -------
        AdaptedItems
        """
        parts: dict[str, Tensor] = {}
        for name, experts in self.experts.items():
            if name in features.values:
                values = features.values[name]
                x_IW = self.price(values) if name == "price" else values.float()
                parts[name] = torch.where(features.present[name][:, None], experts(x_IW), 0)
        if "text" in parts and "image" in parts and self.fusion:
            return AdaptedItems(sum_of(parts) + self.fusion * parts["text"] * parts["image"], parts)
        return AdaptedItems(sum_of(parts), parts)


def sum_of(parts: Mapping[str, Tensor]) -> Tensor:
    """Sum the vectors of all modalities, shape (I, D)."""
    total, *others = parts.values()
    for part in others:
        total = total + part
    return total


def build_adapter(settings: AdapterSettings, out: int, widths: Mapping[str, int]) -> FeatureAdapter:
    """Build the adapter that settings describe.

    Parameters
    ----------
    settings : AdapterSettings
    out : int
        Width D of item vectors.
    widths : mapping of str to int
        Width of the features of each modality.

    Returns
    -------
    FeatureAdapter
    """
    return FeatureAdapter(
        widths,
        out,
        settings.n_experts,
        settings.adapter_dropout_prob,
        settings.fusion_weight,
        N_BUCKETS,
    )


def to_tensors(features: Features) -> ItemFeatures:
    """Copy a domain's features into tensors."""
    return ItemFeatures(
        {name: torch.tensor(values) for name, values in features.values.items()},
        {name: torch.tensor(flags) for name, flags in features.present.items()},
    )
