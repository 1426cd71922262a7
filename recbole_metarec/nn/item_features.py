"""Features of items as tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from recbole_metarec.features.features import Features


class ItemFeatures(NamedTuple):
    """Features of items.

    Attributes
    ----------
    values : mapping of str to Tensor
        Of each modality: vectors, shape (I, W), or categories, shape (I,).
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


class _ModalityBuffers(nn.Module):
    values: Tensor
    present: Tensor

    def __init__(self, values: Tensor, present: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values, persistent=False)
        self.register_buffer("present", present, persistent=False)

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.values, self.present


class FeatureBuffers(nn.Module):
    """Features that go where a model goes, and into no checkpoint.

    Parameters
    ----------
    features : ItemFeatures
    """

    def __init__(self, features: ItemFeatures) -> None:
        super().__init__()
        present = features.present
        self.parts = nn.ModuleDict(
            {name: _ModalityBuffers(values, present[name]) for name, values in features.values.items()}
        )

    def forward(self) -> ItemFeatures:
        """Return the features, where the model is."""
        stored = {name: part() for name, part in self.parts.items()}
        return ItemFeatures(
            {name: values for name, (values, _) in stored.items()},
            {name: present for name, (_, present) in stored.items()},
        )


def to_tensors(features: Features) -> ItemFeatures:
    """Copy a domain's features into tensors."""
    return ItemFeatures(
        {name: torch.tensor(values) for name, values in features.values.items()},
        {name: torch.tensor(flags) for name, flags in features.present.items()},
    )
