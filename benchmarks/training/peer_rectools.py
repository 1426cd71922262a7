"""RecTools' SASRec: its own model, data preparator and Lightning module.

    python benchmarks/training/peer_rectools.py --dataset=amazon-office-products --epochs=30

Settings are the parameters of SASRecModel, loss=sampled_softmax n_negatives=256 for one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch
from common import WINDOW, Progress, arguments, inter_file, load_split, ndcg_at_10, with_overrides
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from torch.nn.functional import pad

options = arguments(__doc__)
settings = {
    "n_factors": 64,
    "n_blocks": 2,
    "n_heads": 2,
    "session_max_len": WINDOW,
    "dropout_rate": 0.5,
    "loss": "softmax",
    "lr": 1e-3,
    "batch_size": 128,
}
settings = with_overrides(settings, options)

split = load_split(inter_file(options))
targets = torch.from_numpy(split.targets)
window = settings["session_max_len"]
history = torch.zeros(len(split.train), window, dtype=torch.long)
for row, sequence in zip(history, split.train, strict=True):
    row[-len(sequence[-window:]) :] = torch.from_numpy(sequence[-window:])
lengths = [len(sequence) for sequence in split.train]
interactions = pd.DataFrame(
    {
        Columns.User: np.repeat(np.arange(len(lengths)), lengths),
        Columns.Item: np.concatenate(split.train),
        Columns.Weight: 1.0,
        Columns.Datetime: pd.to_datetime(np.concatenate([np.arange(length) for length in lengths])),
    }
)
lightning.seed_everything(options.seed)


@torch.inference_mode()
def encode(model: SASRecModel) -> tuple[torch.Tensor, torch.Tensor]:
    """Last hidden states and item embeddings, the latter in the order of ids.

    Items that no training sequence has are unknown to RecTools: a last column scores them below all others.
    """
    known = torch.from_numpy(model.data_preparator.get_known_item_ids().astype(int))
    internal = torch.zeros(split.n_items + 1, dtype=torch.long)
    internal[known] = torch.from_numpy(model.data_preparator.get_known_items_sorted_internal_ids())
    model.torch_model.eval()
    embeddings = model.torch_model.item_model.get_all_embeddings()
    batches = ({"x": internal[rows]} for rows in history.split(512))
    states = torch.cat([model.torch_model.encode_sessions(batch, embeddings)[:, -1] for batch in batches])
    model.torch_model.train()
    items = torch.zeros(split.n_items, embeddings.shape[1] + 1)
    items[:, -1] = -1e9
    items[known - 1] = pad(embeddings[internal[known]], (0, 1))
    return pad(states, (0, 1), value=1.0), items


class Report(lightning.Callback):
    def __init__(self) -> None:
        self.progress = Progress("RecTools SASRec")

    def on_train_epoch_start(self, *_: object) -> None:
        self.progress.begin_epoch()

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        self.progress.end_training()
        trainer.should_stop = self.progress.end_epoch(trainer.current_epoch + 1, ndcg_at_10(*encode(model), targets))


def get_trainer() -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=options.epochs,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Report()],
    )


model = SASRecModel(get_trainer_func=get_trainer, **settings)
model.fit(Dataset.construct(interactions))
