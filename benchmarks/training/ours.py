"""MetaRec from scratch on one domain.

python benchmarks/training/ours.py --dataset=amazon-office-products --set quantizer=False
"""

from __future__ import annotations

import torch
from common import arguments, follow, recbole_settings, with_overrides
from recbole.data import data_preparation

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.models.metarec.model import MetaRec
from recbole_metarec.models.metarec.trainer import MetaRecTrainer

options = arguments(__doc__)
settings = {
    **recbole_settings(options),
    "source_datasets": [],
    # SASRec has neither, and validation is to be comparable
    "memory_weight": 0,
    "repeat_items": True,
    "gpu_id": "",
    "state": "ERROR",
}
config = PluginConfig("MetaRec", options.dataset, with_overrides(settings, options))
torch.manual_seed(options.seed)
train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
trainer = MetaRecTrainer(config, MetaRec(config, train_data._dataset))
follow(trainer, "MetaRec", train_data, valid_data)
