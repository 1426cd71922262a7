"""Files of pre-trained cores, with the space that their texts are in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from recbole_metarec.errors import UserError
from recbole_metarec.features.modalities import Sharing
from recbole_metarec.features.text import TextSpace
from recbole_metarec.models.ant.core import Core
from recbole_metarec.models.ant.settings import ANTSettings
from recbole_metarec.training import checkpoint
from recbole_metarec.training.form import SUFFIX


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


def save_core(path: Path, core: Core, text_space: TextSpace | None, settings: ANTSettings) -> None:
    """Write a pre-trained core, whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes.
    core : Core
    text_space : TextSpace, or None
    settings : ANTSettings
        With which it was pre-trained.
    """
    space = None
    if text_space is not None:
        vocabulary, idf, projection = text_space.state().values()
        space = {"vocabulary": vocabulary, "idf": torch.from_numpy(idf), "projection": torch.from_numpy(projection)}
    checkpoint.save(path, {"core": core.state_dict(), "text_space": space, "config": settings.model_dump()})


def load_core(path: Path, settings: ANTSettings) -> StoredCore:
    """Read a pre-trained core.

    Parameters
    ----------
    path : Path
        A file that `save_core` wrote.
    settings : ANTSettings
        Of the run that takes it up.

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
        raise UserError([f"--pretrained={path}: is a trained model; the name of a core ends in -core{SUFFIX}"])
    if not _is_whole(state):
        raise UserError([f"--pretrained={path}: is damaged; pre-train it again with source_datasets"])
    kept, now = state["config"], settings.model_dump()
    differing = [key for key in _shared_settings(kept, settings.adapt) if kept.get(key) != now[key]]
    if differing:
        here = ", ".join(f"{key}={now[key]}" for key in differing)
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


def sharing(settings: ANTSettings) -> Sharing:
    """Say what domains share of their features: everything, if the adapter of a core is taken over.

    Parameters
    ----------
    settings : ANTSettings

    Returns
    -------
    Sharing
        With the space of texts of a core that is read from a file.

    Raises
    ------
    UserError
        See `load_core`.
    """
    if settings.adapt not in ("finetune", "frozen"):
        return Sharing(shared=False)
    if not settings.pretrained:
        return Sharing()
    return Sharing(text_space=load_core(Path(settings.pretrained), settings).text_space)
