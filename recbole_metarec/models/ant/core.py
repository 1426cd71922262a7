"""The core that ANT pre-trains, and its file: an adapter of features, a backbone, and the space of their texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from recbole_metarec.bridge.config import to_plain
from recbole_metarec.errors import UserError
from recbole_metarec.features.text import TextSpace
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.nn.adapter import FeatureAdapter, build_adapter
from recbole_metarec.nn.backbones import Backbone, build_backbone
from recbole_metarec.nn.roles import Role, within
from recbole_metarec.training import checkpoint


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


def build_core(settings: ANTSettings, widths: dict[str, int]) -> Core:
    """Build the core that settings describe.

    Parameters
    ----------
    settings : ANTSettings
    widths : dict of str to int
        Width of the features of each modality.

    Returns
    -------
    Core
    """
    backbone = build_backbone(settings)
    return Core(build_adapter(settings, settings.hidden_size, widths), backbone)


class StoredCore(NamedTuple):
    """A pre-trained core.

    Attributes
    ----------
    parameters : dict of str to Tensor
        Of `Core`.
    text_space : TextSpace, or None
        The space that its texts were in; ``None`` if they were no TF-IDF.
    """

    parameters: dict[str, Tensor]
    text_space: TextSpace | None


def save_core(path: Path, core: Core, text_space: TextSpace | None, config: Any) -> None:
    """Write a pre-trained core, whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes.
    core : Core
    text_space : TextSpace, or None
    config : recbole.config.Config
        With which it was pre-trained.
    """
    space = None
    if text_space is not None:
        vocabulary, idf, projection = text_space.state().values()
        space = {"vocabulary": vocabulary, "idf": torch.from_numpy(idf), "projection": torch.from_numpy(projection)}
    checkpoint.save(path, {"core": core.state_dict(), "text_space": space, "config": to_plain(config)})


def load_core(path: Path, config: Any) -> StoredCore:
    """Read a pre-trained core.

    Parameters
    ----------
    path : Path
        A file that `save_core` wrote.
    config : mapping
        Settings of the run that takes it up.

    Returns
    -------
    StoredCore

    Raises
    ------
    UserError
        If the file is missing, damaged or no core, or the core was pre-trained with other settings of what is taken
        from it.
    """
    state = checkpoint.load(path)
    if "core" not in state:
        raise UserError([f"--pretrained={path}: is a trained model; the name of a core ends in -core.pth"])
    if not _is_whole(state):
        raise UserError([f"--pretrained={path}: is damaged; pre-train it again with source_datasets"])
    kept = state["config"]
    differing = [key for key in _shared_settings(kept, config["adapt"]) if kept.get(key) != config[key]]
    if differing:
        here = ", ".join(f"{key}={config[key]}" for key in differing)
        advice = " ".join(f"--{key}={kept.get(key)}" for key in differing)
        raise UserError([f"--pretrained={path}: was pre-trained with other settings than {here}; write {advice}"])
    space = state["text_space"]
    if space is not None:
        space = TextSpace(space["vocabulary"], np.asarray(space["idf"]), np.asarray(space["projection"]))
    return StoredCore(state["core"], space)


def _is_whole(state: Mapping[str, Any]) -> bool:
    core, space = state["core"], state.get("text_space", {})
    tensors = [*core.values()] if isinstance(core, dict) else [None]
    if isinstance(space, dict):
        tensors += [space.get("idf"), space.get("projection")]
    return (
        isinstance(state.get("config"), dict)
        and all(isinstance(tensor, Tensor) and bool(tensor.isfinite().all()) for tensor in tensors)
        and (space is None or isinstance(space.get("vocabulary"), list))
    )


def _shared_settings(kept: Mapping[str, Any], adapt: str) -> Iterator[str]:
    """List the settings that give a core's parameters their shape or meaning."""
    if adapt == "scratch":
        return
    yield from ("backbone", "hidden_size", "n_layers", "inner_size")
    is_transformer = kept.get("backbone") == "transformer"
    if is_transformer:
        yield "n_heads"
    if adapt != "relearn":
        yield "n_experts"
        yield from ("text_encoder", "image_encoder")
        if is_transformer:
            yield from ("positions", "MAX_ITEM_LIST_LENGTH")


def space_of_texts(config: Any) -> TextSpace | None:
    """Return the space of texts that a configuration prescribes: that of its core, if its adapter is taken over.

    Parameters
    ----------
    config : mapping
        ``pretrained`` and ``adapt``.

    Returns
    -------
    TextSpace, or None
        ``None`` if the target's suite makes its own.
    """
    if config["pretrained"] and config["adapt"] in ("finetune", "frozen"):
        return load_core(Path(config["pretrained"]), config).text_space
    return None
