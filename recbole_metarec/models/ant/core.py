"""The core that ANT pre-trains: an adapter of features, and a backbone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from recbole_metarec.features.features import Form
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.nn.adapter import FeatureAdapter, build_adapter
from recbole_metarec.nn.backbones import Backbone, build_backbone
from recbole_metarec.nn.roles import Role, within


class Core(nn.Module):
    """What is pre-trained: the adapter of features and the backbone.

    Parameters
    ----------
    adapter : FeatureAdapter
    backbone : Backbone
    """

    def __init__(self, adapter: FeatureAdapter, backbone: Backbone) -> None:
        super().__init__()
        self.adapter, self.backbone = adapter, backbone

    def roles(self) -> dict[str, Role]:
        """Say what its parameters are to other domains; see `Role`."""
        parts = {**within("adapter", self.adapter.roles()), **within("backbone", self.backbone.roles())}
        return {"": Role.ITEMS, **parts}


def build_core(settings: ANTSettings, forms: Mapping[str, Form]) -> Core:
    """Build the core that settings describe.

    Parameters
    ----------
    settings : ANTSettings
    forms : mapping of str to Categories or Vectors
        What the features of each modality are.

    Returns
    -------
    Core
    """
    backbone = build_backbone(settings)
    return Core(build_adapter(settings, settings.hidden_size, forms), backbone)
