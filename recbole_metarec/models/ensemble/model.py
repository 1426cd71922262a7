"""Trained models of one target as one RecBole model."""

# Shapes: B sequences, L positions, D width, I items (row 0 is padding).

from __future__ import annotations

from typing import Any, cast

import torch
from recbole.config import Config
from recbole.data.interaction import Interaction
from recbole.utils import get_model
from torch import Tensor, nn

from recbole_metarec.bridge.config import from_plain
from recbole_metarec.bridge.recommender import DomainRecommender
from recbole_metarec.inference.encoder import EncoderPart
from recbole_metarec.inference.item_encoder import ItemEncoder


def member_configs(config: Config) -> list[Config]:
    """Return the configurations of an ensemble's members."""
    # the memory is joined once, to all of them
    return [from_plain({**plain, "memory_weight": 0}) for plain in config["members"]]


class Ensemble(DomainRecommender):
    """Trained models of one target as one: the mean of their scores, and the memory once.

    The members are a product of experts (Hinton, Neural Computation 2002) in which all have the same say. Their vectors
    stand behind each other, so that an inner product adds up their scores.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration; ``members`` is a list of `to_plain` ones, with ``memory_*`` keys in common.
    dataset : DomainDataset
        Training part of the target domain.
    """

    def __init__(self, config: Config, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.members = nn.ModuleList(get_model(member["model"])(member, dataset) for member in member_configs(config))

    def _each(self) -> list[DomainRecommender]:
        return [cast(DomainRecommender, member) for member in self.members]

    def tensors_of_catalogue(self) -> list[Tensor]:
        """See `DomainRecommender`."""
        return [tensor for member in self._each() for tensor in member.tensors_of_catalogue()]

    def encode_catalogue(self) -> tuple[Tensor, Tensor]:
        """See `DomainRecommender`."""
        inputs, outputs = zip(*(member.encode_catalogue() for member in self._each()), strict=True)
        self.widths = [inputs_ID.shape[1] for inputs_ID in inputs]
        return torch.cat(inputs, 1), torch.cat(outputs, 1) / len(outputs)

    def states(self, x_BLD: Tensor, place_B: Tensor) -> Tensor:
        """See `DomainRecommender`."""
        parts = x_BLD.split(self.widths, dim=-1)
        return torch.cat([member.states(part, place_B) for member, part in zip(self._each(), parts, strict=True)], 1)

    def encoder_parts(self) -> list[EncoderPart] | None:
        """See `DomainRecommender`."""
        found: list[EncoderPart] = []
        for member in self._each():
            parts = member.encoder_parts()
            if parts is None:
                return None
            found += parts
        return found

    def item_encoders(self) -> list[ItemEncoder]:
        """See `DomainRecommender`; none unless each member has one."""
        found = [encoder for member in self._each() for encoder in member.item_encoders()]
        return found if len(found) == len(self.members) else []

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Return the sum of the members' losses."""
        return torch.stack([member.calculate_loss(interaction) for member in self._each()]).sum()
