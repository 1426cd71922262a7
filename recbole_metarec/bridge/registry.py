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
import recbole.data.utils
import recbole.trainer
import torch
from recbole.config import Config
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.dataset import Dataset
from recbole.data.interaction import Interaction
from recbole.model.general_recommender.pop import Pop
from recbole.utils.argument_list import dataset_arguments
from torch import Tensor

from recbole_metarec.bridge import checkpoint, names, pickles
from recbole_metarec.bridge.candidates import PHASES, FixedSampler, everything_had
from recbole_metarec.bridge.compact import check_first
from recbole_metarec.bridge.config import property_layers
from recbole_metarec.bridge.dataset import DomainDataset, sort_exactly
from recbole_metarec.bridge.history import history_index, oldest_first
from recbole_metarec.models import SPECS
from recbole_metarec.models.spec import ModelSpec, load_object

_done = False


def register() -> None:
    """Register everything; calling it twice changes nothing more."""
    global _done
    if _done:
        return
    _done = True
    for spec in SPECS.values():
        register_model(spec)
    _register_properties()
    _register_masked_evaluation()
    _register_fixed_candidates()
    _import_models_without_anomaly_detection()
    _mend_pop()
    Dataset._load_feat = check_first(Dataset._load_feat)
    Dataset._change_feat_format = sort_exactly(Dataset._change_feat_format)
    pickles.guard()
    names.register_names()
    checkpoint.register_saving()
    # RecBole reuses a saved dataset if these keys are unchanged.
    dataset_arguments.extend(["source_datasets", "train_users"])


def register_model(spec: ModelSpec) -> None:
    """Let RecBole, and this package, find a model by its name.

    Parameters
    ----------
    spec : ModelSpec
        Of one of this package's models, or of another's.
    """
    SPECS[spec.name] = spec
    model, trainer = load_object(spec.model), load_object(spec.trainer)
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
        if model in SPECS:
            below = self.internal_config_dict
            below.update(property_layers(model, dataset, self.external_config_dict, below))

    Config._load_internal_config_dict = load_with_ours


def _register_masked_evaluation() -> None:
    collate = FullSortEvalDataLoader.collate_fn

    @wraps(collate)
    def collate_masked(self: FullSortEvalDataLoader, index: Any) -> tuple[Any, Any, Tensor, Tensor]:
        rows, history, positive_row, positive_item = collate(self, index)
        mask = self.config["mask_history"]
        if mask is False:
            history = None
        elif mask:
            history = history_index(self, index, rows)
        if not self.is_sequential:
            positive_row, positive_item = oldest_first(self, rows, positive_row, positive_item)
        return rows, history, positive_row, positive_item

    FullSortEvalDataLoader.collate_fn = collate_masked


def _register_fixed_candidates() -> None:
    create = recbole.data.utils.create_samplers

    @wraps(create)
    def create_fixed(config: Config, dataset: Dataset, built_datasets: list[Dataset]) -> list[Any]:
        samplers = list(create(config, dataset, built_datasets))
        had = None
        for place, phase in enumerate(PHASES, 1):
            arguments = config[f"{phase}_neg_sample_args"]
            how = arguments["distribution"]
            if how in ("uniform", "popularity") and arguments["sample_num"] != "none":
                had = everything_had(dataset, built_datasets) if had is None else had
                samplers[place] = FixedSampler(samplers[place], had, how == "popularity", config["seed"])
        return samplers

    recbole.data.utils.create_samplers = create_fixed


def _mend_pop() -> None:
    """Let RecBole's Pop count interactions.

    It counts an item that a batch has several times once, and sampled negatives as if they were interactions.
    """
    make = Pop.__init__

    @wraps(make)
    def make_with_label(self: Pop, config: Config, dataset: Dataset) -> None:
        make(self, config, dataset)
        self.label_field = config["LABEL_FIELD"]

    def calculate_loss(self: Pop, interaction: Interaction) -> Tensor:
        items = interaction[self.ITEM_ID]
        if self.label_field in interaction:
            items = items[interaction[self.label_field] > 0]
        self.item_cnt.index_add_(0, items, torch.ones_like(self.item_cnt[items]))
        self.max_cnt = self.item_cnt.max(dim=0)[0]
        return torch.nn.Parameter(torch.zeros(1, device=items.device))

    Pop.__init__, Pop.calculate_loss = make_with_label, calculate_loss


def _import_models_without_anomaly_detection() -> None:
    """Import RecBole's sequential models now: its SINE turns anomaly detection on for the whole process."""
    before = torch.is_anomaly_enabled()
    importlib.import_module("recbole.model.sequential_recommender")
    torch.autograd.set_detect_anomaly(before)
