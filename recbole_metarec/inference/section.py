"""What a checkpoint holds so that its model can be used without data: the section ``inference``."""

# Shapes: I items (row 0 is padding), D width, H codes of an item.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.errors import UserError
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.inference.scorer import Scorer
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.training import checkpoint
from recbole_metarec.training.packing import pack, unpack

VERSION = 1


@dataclass(frozen=True, eq=False)
class Section:
    """What is known of a trained model beside its weights.

    Parameters
    ----------
    scorer : Scorer
    settings : EvidenceSettings
        With which evidence counts.
    titles : sequence of str
        Of each item, from item 1, blank where there is none; empty if nothing has any.
    codes : int64 array, shape (I - 1, H), optional
        Of each item, if a quantizer gives it some.
    masks_history : bool
        Whether evaluation left out what a user had.
    """

    scorer: Scorer
    settings: EvidenceSettings
    titles: Sequence[str] = ()
    codes: npt.NDArray[np.int64] | None = None
    masks_history: bool = False

    def state(self) -> dict[str, Any]:
        """Return it as the plain values and tensors of a checkpoint; see `of_state`."""
        scorer = self.scorer
        inputs, outputs = (vectors.detach().cpu().contiguous() for vectors in (scorer.inputs, scorer.outputs))
        settings = {key: getattr(self.settings, key) for key in EvidenceSettings.model_fields}
        return {
            "version": VERSION,
            "inputs": inputs,
            "outputs": None if scorer.inputs is scorer.outputs else outputs,
            "encoder": scorer.encoder.state(),
            "evidence": pack({"settings": settings, **scorer.evidence.tables()}),
            "first_days": pack(scorer.first_days),
            "titles": list(self.titles),
            "codes": pack(self.codes),
            "masks_history": self.masks_history,
        }

    @classmethod
    def of_state(cls, state: Mapping[str, Any]) -> Section:
        """Build what `state` described.

        Raises
        ------
        UserError, KeyError, TypeError, ValueError, RuntimeError
            If it is damaged.
        """
        inputs: Tensor = state["inputs"]
        outputs: Tensor = inputs if state["outputs"] is None else state["outputs"]
        evidence = unpack(state["evidence"])
        settings = EvidenceSettings.of(evidence["settings"])
        scorer = Scorer(
            inputs,
            outputs,
            SequenceEncoder.of_state(state["encoder"]),
            Evidence.of_tables(evidence, settings),
            unpack(state["first_days"]),
        )
        _check(scorer)
        codes = unpack(state["codes"])
        return cls(scorer, settings, list(state["titles"]), codes, bool(state["masks_history"]))


def _check(scorer: Scorer) -> None:
    """Refuse parts that do not fit each other, which would fail at some request."""
    inputs, outputs, evidence = scorer.inputs, scorer.outputs, scorer.evidence
    if inputs.ndim != 2 or inputs.shape != outputs.shape or len(inputs) < 2:
        raise ValueError(f"item vectors have shapes {tuple(inputs.shape)} and {tuple(outputs.shape)}")
    if not (bool(torch.isfinite(inputs).all()) and bool(torch.isfinite(outputs).all())):
        raise ValueError("item vectors are not all finite")
    if sum(scorer.encoder.widths) != inputs.shape[1]:
        raise ValueError(f"item vectors have width {inputs.shape[1]}, the encoder's {sum(scorer.encoder.widths)}")
    sizes = [] if scorer.first_days is None else [len(scorer.first_days)]
    sizes += [] if evidence.memory is None else [len(evidence.memory.popularity)]
    sizes += [] if evidence.timed is None else [evidence.timed.n_items + 1]
    if any(size != len(inputs) for size in sizes):
        raise ValueError(f"there are {len(inputs) - 1} items, in evidence {sizes[-1] - 1}")


def read(path: Path) -> tuple[dict[str, Any], Section]:
    """Read a checkpoint and its section.

    Parameters
    ----------
    path : Path

    Returns
    -------
    state : dict
        All that the checkpoint holds.
    section : Section

    Raises
    ------
    UserError
        If the file is missing or damaged, or has no such section.
    """
    state = checkpoint.load(path)
    if "core" in state:
        raise UserError([f"{path}: is a pre-trained core, not a model; name a checkpoint without -core in its name"])
    section = state.get("inference")
    if not isinstance(section, Mapping):
        raise UserError(
            [
                f"{path}: holds no model that can be used without its data, since an older version or another model "
                "wrote it; train it anew, or use recbole_metarec.load_with_data"
            ]
        )
    version = section.get("version")
    if version != VERSION:
        raise UserError([f"{path}: was written by a newer version of this package ({version}); upgrade it"])
    with checkpoint.named_when_damaged(path):
        found = Section.of_state(section)
        names = state["item_tokens"]
        if not isinstance(names, list) or len(names) != found.scorer.n_items:
            raise ValueError(f"item_tokens names no {found.scorer.n_items} items")
    return state, found
