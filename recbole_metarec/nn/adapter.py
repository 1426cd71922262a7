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

from recbole_metarec.features.features import Categories, Form
from recbole_metarec.nn.experts import Experts
from recbole_metarec.nn.item_features import ItemFeatures
from recbole_metarec.nn.roles import Role
from recbole_metarec.settings.features import AdapterSettings

# Width of a category's embedding.
CATEGORY_WIDTH = 64


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
    """Item vectors from features: a sum over the modalities that an item has, ``v = t + m + p + fusion * (t * m)``.

    Vectors go through experts that whiten them; a category has an embedding, which goes through linear experts.

    Parameters
    ----------
    forms : mapping of str to Categories or Vectors
        What the features of each modality are. What is not named is no part of the vectors.
    out : int
        Width D of item vectors.
    experts : int
        Experts of each modality.
    dropout : float
        Dropout of features.
    fusion : float
        Weight of the product of text and image; 0 has none.
    """

    def __init__(self, forms: Mapping[str, Form], out: int, experts: int, dropout: float, fusion: float) -> None:
        super().__init__()
        self.forms, self.out, self.fusion = dict(forms), out, fusion
        self.experts = nn.ModuleDict()
        for name, form in forms.items():
            is_category = isinstance(form, Categories)
            width = CATEGORY_WIDTH if isinstance(form, Categories) else form.width
            self.experts[name] = Experts(width, out, experts, dropout, whitening=not is_category)
        for name, form in forms.items():
            if isinstance(form, Categories):
                self.add_module(name, _embedding(form))

    def roles(self) -> dict[str, Role]:
        """Say what its parameters are to other domains, by the beginning of names; see `Role`.

        The bias of the experts for categories is taken over as in ANT's published code.
        """
        roles = {"": Role.ITEMS}
        for name, form in self.forms.items():
            if isinstance(form, Categories):
                roles |= {name: Role.VALUES, f"experts.{name}.bias": Role.VALUES}
        return roles

    def _inputs(self, name: str, values: Tensor) -> Tensor:
        """Return what the experts of a modality take, shape (I, W)."""
        if isinstance(self.forms[name], Categories):
            embedded: Tensor = self.get_submodule(name)(values)
            return embedded
        return values.float()

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
                x_IW = self._inputs(name, features.values[name])
                parts[name] = torch.where(features.present[name][:, None], experts(x_IW), 0)
        if "text" in parts and "image" in parts and self.fusion:
            return AdaptedItems(sum_of(parts) + self.fusion * parts["text"] * parts["image"], parts)
        return AdaptedItems(sum_of(parts), parts)


def _embedding(form: Categories) -> nn.Embedding:
    embedding = nn.Embedding(form.number + 1, CATEGORY_WIDTH)  # with one for a missing category
    nn.init.normal_(embedding.weight, std=CATEGORY_WIDTH**-0.5)
    return embedding


def sum_of(parts: Mapping[str, Tensor]) -> Tensor:
    """Sum the vectors of all modalities, shape (I, D)."""
    total, *others = parts.values()
    for part in others:
        total = total + part
    return total


def build_adapter(settings: AdapterSettings, out: int, forms: Mapping[str, Form]) -> FeatureAdapter:
    """Build the adapter that settings describe.

    Parameters
    ----------
    settings : AdapterSettings
    out : int
        Width D of item vectors.
    forms : mapping of str to Categories or Vectors
        What the features of each modality are.

    Returns
    -------
    FeatureAdapter
    """
    return FeatureAdapter(forms, out, settings.n_experts, settings.adapter_dropout_prob, settings.fusion_weight)
