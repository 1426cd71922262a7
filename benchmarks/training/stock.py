"""RecBole's SASRec: its own model, dataset and trainer, with its own defaults.

    python benchmarks/training/stock.py --dataset=amazon-office-products --epochs=30

Anomaly detection, which importing RecBole's models turns on, is off here: --set anomaly=True leaves it on.
"""

from __future__ import annotations

import torch
from common import arguments, follow, recbole_settings, with_overrides
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.trainer import Trainer
from recbole.utils import get_model, init_seed

import recbole_metarec  # noqa: F401  RecBole does not start on today's numpy without it

options = arguments(__doc__)
settings = {
    **recbole_settings(options),
    "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
    "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
    "train_neg_sample_args": None,
    "valid_metric": "NDCG@10",
    "metric_decimal_place": 6,
    "use_gpu": False,
    "checkpoint_dir": "saved",
}
settings = with_overrides(settings, options)
torch.autograd.set_detect_anomaly(bool(settings.pop("anomaly", False)))
config = Config(model="SASRec", dataset=options.dataset, config_dict=settings)
init_seed(config["seed"], config["reproducibility"])
train_data, valid_data, _ = data_preparation(config, create_dataset(config))
model = get_model("SASRec")(config, train_data._dataset)
trainer = Trainer(config, model)
follow(trainer, "RecBole SASRec", train_data, valid_data)
