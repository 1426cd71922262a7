"""MetaRec from scratch on one domain.

python benchmarks/training/ours.py --dataset=amazon-office-products --set quantizer=False
"""

from __future__ import annotations

import torch
import yaml
from common import PATIENCE, WINDOW, arguments, follow
from recbole.data import data_preparation

from recbole_metarec.config import PluginConfig
from recbole_metarec.data.dataset import DomainDataset
from recbole_metarec.model.metarec import MetaRec
from recbole_metarec.trainer.metarec import MetaRecTrainer

options = arguments(__doc__)
settings = {
    "data_path": options.data_path,
    "seed": options.seed,
    "epochs": options.epochs,
    "stopping_step": PATIENCE,
    "MAX_ITEM_LIST_LENGTH": WINDOW,
    "source_datasets": [],
    "metrics": ["NDCG"],
    "topk": [10],
    "show_progress": False,
    "gpu_id": "",
    "state": "ERROR",
}
settings |= {key: yaml.safe_load(value) for key, value in (pair.split("=", 1) for pair in options.set)}
config = PluginConfig("MetaRec", options.dataset, settings)
torch.manual_seed(options.seed)
train_data, valid_data, _ = data_preparation(config, DomainDataset(config))
trainer = MetaRecTrainer(config, MetaRec(config, train_data._dataset))
follow(trainer, "MetaRec", train_data, valid_data)
