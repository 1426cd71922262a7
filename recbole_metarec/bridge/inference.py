"""What a trainer leaves in a checkpoint so that its model can be used without RecBole and without data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.item_features import item_files
from recbole_metarec.bridge.stamped import first_days
from recbole_metarec.domains.atomic import read_header
from recbole_metarec.errors import UserError
from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.inference.scorer import Scorer
from recbole_metarec.inference.section import TITLES, Section

if TYPE_CHECKING:
    from recbole.config import Config

    from recbole_metarec.bridge.trainer import DomainTrainer


@torch.no_grad()
def section_of(trainer: DomainTrainer, dataset: DomainDataset, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the key ``inference`` of a checkpoint.

    Parameters
    ----------
    trainer : DomainTrainer
        Whose training has ended.
    dataset : DomainDataset
        Training part of the target.
    state : mapping
        The checkpoint of the best epoch, whose weights the model has.

    Returns
    -------
    dict
        Empty if the model does not say what its encoder is made of.
    """
    model, config = trainer.model, trainer.config
    parts = model.encoder_parts()
    if parts is None:
        return {}
    first_I = first_days(dataset) if config["known_items"] else None
    codes = model.item_codes()
    scorer = Scorer(
        *model.catalogue(),
        SequenceEncoder(parts, int(config["MAX_ITEM_LIST_LENGTH"])),
        model.evidence,
        None if first_I is None else first_I.numpy(),
    )
    kept = Section(
        scorer,
        model.settings,
        _titles(config, dataset.item_tokens()),
        None if codes is None else codes.cpu().numpy(),
        bool(config["mask_history"]),
        model.item_encoders(),
        trainer.source_items(state),
    )
    return {"inference": kept.state()}


def _titles(config: Config, tokens: list[str]) -> list[str]:
    """Read the title of each item, from item 1, blank where there is none; none at all if no column has them."""
    files, domain = item_files(config), config["dataset"]
    path = files.path(domain, "item")
    if not path.is_file():
        return []
    try:
        header = read_header(path, files.separator, files.encoding)
        column = next((name for name in TITLES if name in header), None)
        if column is None:
            return []
        cells = files.read(domain, [column]).set_index(files.item_field)[column]
    except UserError:  # a file that nothing else reads may be of any form
        return []
    return [str(title) for title in cells.reindex(tokens, fill_value="")]
