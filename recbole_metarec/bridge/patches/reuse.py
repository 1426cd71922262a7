"""Keys of this package that shape a dataset: a saved one is reused only where they are unchanged."""

from __future__ import annotations

from recbole.utils.argument_list import dataset_arguments

from recbole_metarec.settings.time import TimeSettings


def apply() -> None:
    """Add the keys to those that RecBole compares."""
    dataset_arguments.extend(["source_datasets", "train_users", "known_users", *TimeSettings.model_fields])
