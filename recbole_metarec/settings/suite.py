"""What is learnt from: the target, the sources, and what of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Dataset, FolderToWrite, Is, PositiveShare

Sources = Annotated[Sequence[Dataset], Is("a list of names of folders in data_path, as in [baby,beauty]")]


DEFAULT_TARGET = "ml-100k-thriller"
"""The target where nobody names one."""


class SuiteSettings(Settings):
    """The target domain and its sources."""

    group = "Domains"

    dataset: Dataset = option(
        DEFAULT_TARGET, "The target domain. The default is made from RecBole's own copy of ml-100k on first use."
    )
    source_datasets: Sources | None = option(
        [], "The source domains, under the same data_path. Empty trains from scratch."
    )
    mask_history: bool = option(
        False,
        "Whether a user's earlier items are no candidates, for all models alike.",
        "RecBole's sequential models, UniSRec and VQ-Rec do not mask; LRURec and ANT do",
    )
    train_users: PositiveShare = option(
        1.0, "Share of the target's users to train on; all of them are evaluated. For sequential models."
    )
    known_users: PositiveShare = option(
        1.0,
        "Share of the target's users of whom anything is known; of the others nothing but the history of their own "
        "test requests is. For sequential models.",
    )
    interaction_cache: FolderToWrite | None = option(
        "saved/interactions",
        "Folder of interactions as arrays, which later runs use in place of large .inter files as long as these do not "
        "change. ~ keeps none.",
        decides="nothing",
    )
