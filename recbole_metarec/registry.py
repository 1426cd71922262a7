"""Make RecBole's own lookups find this package's models, trainers, datasets and properties.

RecBole finds a model by module path and class name, a trainer and a dataset as ``<Model>Trainer`` and
``<Model>Dataset`` of its own packages, and properties next to its own files.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
import types
from functools import wraps
from typing import Any

import recbole.data.dataset
import recbole.trainer
import torch
from recbole.config import Config
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.dataset import Dataset
from recbole.utils.argument_list import dataset_arguments
from torch import Tensor

from recbole_metarec import checkpoint, compat
from recbole_metarec.config import MODELS, property_layers
from recbole_metarec.data.dataset import DomainDataset, sort_exactly
from recbole_metarec.evaluation.history import history_index
from recbole_metarec.model.ant import ANT
from recbole_metarec.model.metarec import MetaRec
from recbole_metarec.trainer.ant import ANTTrainer
from recbole_metarec.trainer.metarec import MetaRecTrainer

_done = False


def register() -> None:
    """Register everything; calling it twice changes nothing more."""
    global _done
    if _done:
        return
    _done = True
    _register_model(MetaRec, MetaRecTrainer)
    _register_model(ANT, ANTTrainer)
    _register_properties()
    _register_history_mask()
    _import_models_without_anomaly_detection()
    Dataset._change_feat_format = sort_exactly(Dataset._change_feat_format)
    compat.restore_checkpoint = checkpoint.restore
    # RecBole reuses a saved dataset if these keys are unchanged.
    dataset_arguments.extend(["source_datasets", "train_users"])


def _register_model(model: type, trainer: type) -> None:
    path = f"recbole.model.sequential_recommender.{model.__name__.lower()}"
    module = types.ModuleType(path, model.__doc__)
    # get_model asks for the spec first and fails on a module without one
    module.__spec__ = importlib.machinery.ModuleSpec(path, None)
    setattr(module, model.__name__, model)
    sys.modules[path] = module
    setattr(recbole.trainer, trainer.__name__, trainer)
    setattr(recbole.data.dataset, f"{model.__name__}Dataset", DomainDataset)


def _register_properties() -> None:
    load = Config._load_internal_config_dict

    @wraps(load)
    def load_with_ours(self: Config, model: str, model_class: type, dataset: str) -> None:
        load(self, model, model_class, dataset)
        if model in MODELS:
            below = self.internal_config_dict
            below.update(property_layers(model, dataset, self.external_config_dict, below))

    Config._load_internal_config_dict = load_with_ours


def _register_history_mask() -> None:
    collate = FullSortEvalDataLoader.collate_fn

    @wraps(collate)
    def collate_masked(self: FullSortEvalDataLoader, index: Any) -> tuple[Any, Any, Tensor, Tensor]:
        rows, history, positive_row, positive_item = collate(self, index)
        mask = self.config["mask_history"]
        if mask is False:
            history = None
        elif mask:
            history = history_index(self, index, rows)
        return rows, history, positive_row, positive_item

    FullSortEvalDataLoader.collate_fn = collate_masked


def _import_models_without_anomaly_detection() -> None:
    """Import RecBole's sequential models now: its SINE turns anomaly detection on for the whole process."""
    before = torch.is_anomaly_enabled()
    importlib.import_module("recbole.model.sequential_recommender")
    torch.autograd.set_detect_anomaly(before)
