"""What a checkpoint holds so that its model can be used without data: the section ``inference``."""

# Shapes: I items (row 0 is padding), D width, H codes of an item.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from recbole_metarec.errors import UserError
from recbole_metarec.evidence.evidence import Evidence
from recbole_metarec.inference.descriptions import extended
from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.inference.item_encoder import ItemEncoder, NewItems
from recbole_metarec.inference.scorer import Scorer
from recbole_metarec.settings.evidence import EvidenceSettings
from recbole_metarec.training import checkpoint
from recbole_metarec.training.form import named_when_damaged

VERSION = 1


class SourceItems(NamedTuple):
    """Items of a source domain in the target's space.

    Attributes
    ----------
    ids : list of str
        From item 1.
    vectors : Tensor, shape (I, width)
        As the target's ``outputs`` from column ``begin`` on, padding first.
    begin : int
        0 but in ensembles, in which a member with sources has some of the columns.
    """

    ids: list[str]
    vectors: Tensor
    begin: int = 0


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
    item_encoders : sequence of ItemEncoder
        What makes vectors of new items, one for each part of the encoder; none where features have no part.
    sources : mapping of str to SourceItems
        Items of source domains that share the space, by the name of the domain.
    images : sequence of str
        Address of a picture of each item, as ``titles``.
    """

    scorer: Scorer
    settings: EvidenceSettings
    titles: Sequence[str] = ()
    codes: npt.NDArray[np.int64] | None = None
    masks_history: bool = False
    item_encoders: Sequence[ItemEncoder] = ()
    sources: Mapping[str, SourceItems] = field(default_factory=dict)
    images: Sequence[str] = ()

    def state(self) -> dict[str, Any]:
        """Return it as the plain values and tensors of a checkpoint; see `of_state`."""
        scorer = self.scorer
        inputs, outputs = (vectors.detach().cpu().contiguous() for vectors in (scorer.inputs, scorer.outputs))
        settings = self.settings.plain_of(EvidenceSettings)
        return {
            "version": VERSION,
            "inputs": inputs,
            "outputs": None if scorer.inputs is scorer.outputs else outputs,
            "encoder": scorer.encoder.state(),
            "evidence": {"settings": settings, **scorer.evidence.tables()},
            "first_days": scorer.first_days,
            "titles": list(self.titles),
            "codes": self.codes,
            "masks_history": self.masks_history,
            "item_encoders": [encoder.tree() for encoder in self.item_encoders],
            "sources": {
                name: {"ids": items.ids, "vectors": items.vectors.detach().cpu(), "begin": items.begin}
                for name, items in self.sources.items()
            },
            "images": list(self.images),
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
        evidence = state["evidence"]
        settings = EvidenceSettings.of(evidence["settings"])
        scorer = Scorer(
            inputs,
            outputs,
            SequenceEncoder.of_state(state["encoder"]),
            Evidence.of_tables(evidence, settings),
            state["first_days"],
        )
        _check(scorer)
        encoders = [ItemEncoder.of_tree(tree) for tree in state["item_encoders"]]
        sources = {name: SourceItems(**items) for name, items in state["sources"].items()}
        for name, items in sources.items():
            n_vectors, width = items.vectors.shape
            if n_vectors != len(items.ids) + 1 or not 0 <= items.begin < items.begin + width <= inputs.shape[1]:
                raise ValueError(f"vectors of {name} have shape {tuple(items.vectors.shape)}")
        titles, masks_history = list(state["titles"]), bool(state["masks_history"])
        images = list(state.get("images", ()))  # which older versions did not keep
        if not all(isinstance(text, str) for texts in (titles, images) for text in texts):
            raise ValueError("titles and addresses of pictures are not all texts")
        return cls(scorer, settings, titles, state["codes"], masks_history, encoders, sources, images)


def with_items(section: Section, items: NewItems, titles: Sequence[str], images: Sequence[str]) -> Section:
    """Return a section with more items behind the others.

    Parameters
    ----------
    section : Section
    items : NewItems
    titles, images : sequence of str
        One for each of them, blank where there is none.

    Returns
    -------
    Section
    """
    scorer, settings, n_new = section.scorer, section.settings, len(items.inputs)
    inputs = torch.cat([scorer.inputs, items.inputs])
    same = scorer.inputs is scorer.outputs
    first_days = scorer.first_days
    if first_days is not None:  # there when they are asked for
        first_days = np.concatenate([first_days, np.full(n_new, np.iinfo(np.int64).min)])
    grown = Scorer(
        inputs,
        inputs if same else torch.cat([scorer.outputs, items.outputs]),
        scorer.encoder,
        scorer.evidence.with_items(scorer.n_items + n_new, settings),
        first_days,
    )
    codes = section.codes
    if codes is not None and items.codes is not None:
        codes = np.concatenate([codes, items.codes.numpy()])
    return replace(
        section,
        scorer=grown,
        codes=codes,
        titles=extended(section.titles, scorer.n_items, titles),
        images=extended(section.images, scorer.n_items, images),
    )


def _check(scorer: Scorer) -> None:
    """Refuse parts that do not fit each other, which would fail at some request."""
    inputs, outputs, evidence = scorer.inputs, scorer.outputs, scorer.evidence
    if inputs.ndim != 2 or inputs.shape != outputs.shape or len(inputs) < 2:
        raise ValueError(f"item vectors have shapes {tuple(inputs.shape)} and {tuple(outputs.shape)}")
    if not all(
        bool(torch.isfinite(vectors.sum())) for vectors in {id(each): each for each in (inputs, outputs)}.values()
    ):
        raise ValueError("item vectors are not all finite")
    if sum(scorer.encoder.widths) != inputs.shape[1]:
        raise ValueError(f"item vectors have width {inputs.shape[1]}, the encoder's {sum(scorer.encoder.widths)}")
    if evidence.timed is None and (evidence.weights.timed is not None or (evidence.alone and evidence.memory is None)):
        raise ValueError("evidence has weights, but no counts")
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
                "wrote it, or training was interrupted; train it anew, or use recbole_metarec.load_with_data"
            ]
        )
    version = section.get("version")
    if version != VERSION:
        raise UserError([f"{path}: was written by a newer version of this package ({version}); upgrade it"])
    with named_when_damaged(path), torch.random.fork_rng(devices=[]):  # modules draw weights when built
        found = Section.of_state(section)
        names = state["item_tokens"]
        if not isinstance(names, list) or len(names) != found.scorer.n_items:
            raise ValueError(f"item_tokens names no {found.scorer.n_items} items")
    return state, found
