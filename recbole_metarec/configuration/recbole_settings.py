"""RecBole's own keys as typed settings: what each may be. Their defaults are in RecBole's property files.

https://recbole.io/docs/user_guide/config_settings.html; keys of evaluation that have another default here are in
`recbole_metarec.settings.protocol`.
"""

from __future__ import annotations

import re
import sys
from typing import Annotated, Literal

from annotated_types import Ge, Le

from recbole_metarec.configuration.recbole_kinds import (
    Affix,
    Buckets,
    Encoding,
    Endings,
    Filters,
    Intervals,
    LeftOut,
    Lengths,
    LoadedColumns,
    PartNames,
    Preloaded,
    Separator,
    SequenceSeparator,
    Threshold,
)
from recbole_metarec.settings.base import Settings
from recbole_metarec.settings.kinds import (
    ClipNorm,
    Column,
    Columns,
    Count,
    FileToRead,
    Folder,
    FolderToWrite,
    Is,
    Learner,
    Negatives,
    Nonnegative,
    Positive,
    Seed,
    Whole,
    WindowLength,
    Word,
)

_LEVELS = ("INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL")


def _are_gpus(value: int | str) -> bool:
    if isinstance(value, int):
        return -1 <= value <= sys.maxsize
    return re.fullmatch(r"-?\d*|\d+(,\d+)+|((GPU|MIG)-[\w/-]+,?)+", value) is not None


GPUs = Annotated[int | str, Is("numbers of GPUs as in 0,1, or empty for none", _are_gpus)]
LogLevel = Annotated[str, Is(f"one of {', '.join(_LEVELS)}", lambda value: value.upper() in _LEVELS)]


class EnvironmentSettings(Settings):
    """Devices, folders, logs."""

    gpu_id: GPUs
    use_gpu: bool
    worker: Whole
    seed: Seed
    state: LogLevel | None
    reproducibility: bool
    data_path: Folder
    checkpoint_dir: FolderToWrite
    show_progress: bool
    save_dataset: bool
    dataset_save_path: FileToRead | None
    save_dataloaders: bool
    dataloaders_save_path: FileToRead | None
    log_wandb: bool
    wandb_project: Word
    shuffle: bool
    encoding: Encoding | None


class TrainingSettings(Settings):
    """Epochs, batches, the optimizer, and what is drawn."""

    epochs: Count
    train_batch_size: Count
    eval_step: Count
    stopping_step: Whole
    learning_rate: Positive
    weight_decay: Nonnegative
    learner: Learner
    clip_grad_norm: ClipNorm | None
    loss_decimal_place: Annotated[int, Ge(0), Le(100)]
    require_pow: bool
    enable_amp: bool
    enable_scaler: bool
    transform: Literal["mask_itemseq", "inverse_itemseq", "crop_itemseq", "reorder_itemseq"] | None
    train_neg_sample_args: Negatives | None


class EvaluationSettings(Settings):
    """What evaluation has beside `recbole_metarec.settings.protocol`."""

    repeatable: bool
    valid_metric_bigger: bool
    eval_batch_size: Count
    tail_ratio: Positive | None


class FileSettings(Settings):
    """How files are written, and what of them is loaded."""

    field_separator: Separator
    seq_separator: SequenceSeparator
    seq_len: Lengths | None
    numerical_features: Columns
    load_col: LoadedColumns | None
    unload_col: LeftOut | None
    unused_col: LeftOut | None
    additional_feat_suffix: Endings | None
    preload_weight: Preloaded | None
    benchmark_filename: PartNames | None
    MAX_ITEM_LIST_LENGTH: WindowLength


class FilterSettings(Settings):
    """What of the interactions is left, and how values become others."""

    threshold: Threshold | None
    rm_dup_inter: Literal["first", "last"] | None
    val_interval: Filters | None
    filter_inter_by_user_or_item: bool
    user_inter_num_interval: Intervals | None
    item_inter_num_interval: Intervals | None
    entity_kg_num_interval: Intervals | None
    relation_kg_num_interval: Intervals | None
    kg_reverse_r: bool
    normalize_field: Columns | None
    normalize_all: bool | None
    discretization: Buckets | None


class ColumnSettings(Settings):
    """Names of columns."""

    USER_ID_FIELD: Column
    ITEM_ID_FIELD: Column
    RATING_FIELD: Column
    TIME_FIELD: Column
    LABEL_FIELD: Column
    POSITION_FIELD: Column
    HEAD_ENTITY_ID_FIELD: Column
    TAIL_ENTITY_ID_FIELD: Column
    RELATION_ID_FIELD: Column
    ENTITY_ID_FIELD: Column
    ITEM_LIST_LENGTH_FIELD: Column
    LIST_SUFFIX: Affix
    NEG_PREFIX: Affix
    alias_of_user_id: Columns | None
    alias_of_item_id: Columns | None
    alias_of_entity_id: Columns | None
    alias_of_relation_id: Columns | None


class RecBoleSettings(
    ColumnSettings, FilterSettings, FileSettings, EvaluationSettings, TrainingSettings, EnvironmentSettings
):
    """All of them."""
