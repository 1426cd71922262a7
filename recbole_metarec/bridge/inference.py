"""What a trainer leaves in a checkpoint so that its model can be used without RecBole and without data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.item_features import item_files
from recbole_metarec.bridge.stamped import first_days
from recbole_metarec.domains.header import read_header
from recbole_metarec.errors import UserError
from recbole_metarec.inference.descriptions import IMAGES, TITLES, image_address
from recbole_metarec.inference.encoder import SequenceEncoder
from recbole_metarec.inference.scorer import Scorer
from recbole_metarec.inference.section import Section

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
    codes, (titles, images) = model.item_codes(), _described(config, dataset.item_tokens())
    scorer = Scorer(
        *model.catalogue(),
        SequenceEncoder(parts, int(config["MAX_ITEM_LIST_LENGTH"])),
        model.evidence,
        None if first_I is None else first_I.numpy(),
    )
    kept = Section(
        scorer,
        model.settings,
        titles,
        None if codes is None else codes.cpu().numpy(),
        bool(config["mask_history"]),
        model.item_encoders(),
        trainer.source_items(state),
        images,
    )
    return {"inference": kept.state()}


def _described(config: Config, tokens: list[str]) -> tuple[list[str], list[str]]:
    """Read the title of each item and the address of its picture, from item 1.

    Blank where there is none; no list at all if no item has any.
    """
    files, domain = item_files(config), config["dataset"]
    path = files.path(domain, "item")
    if not path.is_file():
        return [], []
    try:
        header = read_header(path, files.separator, files.encoding)
        named = (TITLES, (config["image_field"], *IMAGES))
        columns = [next((name for name in names if name in header), None) for names in named]
        wanted = [column for column in columns if column is not None]
        if not wanted:
            return [], []
        cells = files.read(domain, wanted).set_index(files.item_field).reindex(tokens, fill_value="")
    except UserError:  # a file that nothing else reads may be of any form
        return [], []
    title, image = columns
    titles = [] if title is None else [str(each) for each in cells[title]]
    images = [] if image is None else [image_address(each) for each in cells[image]]
    return titles, images if any(images) else []
