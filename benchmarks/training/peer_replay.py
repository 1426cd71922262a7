"""RePlay's SASRec: its own model, losses, Parquet batches and Lightning module.

    python benchmarks/training/peer_replay.py --dataset=amazon-office-products --epochs=30

Settings, next to the parameters of SasRec.from_params: loss (ce, login or logout over the whole catalogue, sampled or
login_sampled over num_negative_samples shared by the batch), trim (drop padding that the whole batch shares),
bucket_size (rows that the encoder sees at once, sorted by length; 0 for the whole batch), learning_rate, betas,
batch_size.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import lightning
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from common import WINDOW, Progress, arguments, inter_file, load_split, ndcg_at_10, with_overrides
from replay.data import FeatureHint, FeatureType
from replay.data.nn import ParquetModule, TensorFeatureInfo, TensorSchema
from replay.nn.lightning import LightningModule
from replay.nn.lightning.optimizer import OptimizerFactory
from replay.nn.loss import CE, CESampled, LogInCE, LogInCESampled, LogOutCE
from replay.nn.sequential import LengthBucketedQueryEncoder, SasRec
from replay.nn.transform import TargetAwareAdaptiveTrimTransform, UniformNegativeSamplingTransform
from replay.nn.transform.template import make_default_sasrec_transforms

ITEM = "item_id"

options = arguments(__doc__)
settings = {
    "loss": "ce",
    "num_negative_samples": 256,
    "trim": True,
    "bucket_size": 32,
    "learning_rate": 1e-3,
    "betas": (0.9, 0.98),
    "batch_size": 128,
    "embedding_dim": 64,
    "num_heads": 2,
    "num_blocks": 2,
    "max_sequence_length": WINDOW,
    "dropout": 0.5,
}
settings = with_overrides(settings, options)
loss, n_negatives = settings.pop("loss"), settings.pop("num_negative_samples")
trim, bucket_size = settings.pop("trim"), settings.pop("bucket_size")
learning_rate, betas, batch_size = (settings.pop(key) for key in ("learning_rate", "betas", "batch_size"))
window = settings["max_sequence_length"]

split = load_split(inter_file(options))
lightning.seed_everything(options.seed)
schema = TensorSchema(
    TensorFeatureInfo(
        ITEM,
        FeatureType.CATEGORICAL,
        is_seq=True,
        feature_hint=FeatureHint.ITEM_ID,
        cardinality=split.n_items,
        padding_value=split.n_items,
        embedding_dim=settings["embedding_dim"],
    )
)
losses = {
    "ce": lambda: CE(ignore_index=split.n_items),
    "login": lambda: LogInCE(split.n_items),
    "logout": lambda: LogOutCE(split.n_items),
    "sampled": CESampled,
    "login_sampled": LogInCESampled,
}
model = SasRec(SasRec.from_params(schema, **settings).body, losses[loss]())
if bucket_size:
    model.body.encoder = LengthBucketedQueryEncoder(model.body.encoder, bucket_size)
transforms = make_default_sasrec_transforms(schema)["train"]
if trim:
    transforms.insert(2, TargetAwareAdaptiveTrimTransform([ITEM, "positive_labels"]))
if "sampled" in loss:
    transforms.append(UniformNegativeSamplingTransform(split.n_items, n_negatives))

# RePlay counts items from 0 and pads with the number of items
history = torch.full((len(split.train), window), split.n_items)
for row, sequence in zip(history, split.train, strict=True):
    row[-len(sequence[-window:]) :] = torch.from_numpy(sequence[-window:] - 1)
targets = torch.from_numpy(split.targets)


@torch.inference_mode()
def encode() -> tuple[torch.Tensor, torch.Tensor]:
    """Last hidden states and item embeddings, the latter in the order of ids."""
    model.eval()
    states = [model.body({ITEM: rows}, rows != split.n_items)[:, -1] for rows in history.split(512)]
    items = model.body.embedder.get_item_weights()
    model.train()
    return torch.cat(states), items


class Report(lightning.Callback):
    def __init__(self) -> None:
        self.progress = Progress("RePlay SASRec")

    def on_train_epoch_start(self, *_: object) -> None:
        self.progress.begin_epoch()

    def on_train_epoch_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        self.progress.end_training()
        trainer.should_stop = self.progress.end_epoch(trainer.current_epoch + 1, ndcg_at_10(*encode(), targets))


with tempfile.TemporaryDirectory() as folder:
    path = str(Path(folder) / "train.parquet")
    pq.write_table(pa.table({ITEM: [np.subtract(sequence, 1) for sequence in split.train]}), path)
    data = ParquetModule(
        batch_size,
        {"train": {ITEM: {"shape": window + 1, "padding": split.n_items}}},
        {"train": transforms},
        train_path=path,
    )
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=options.epochs,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Report()],
    )
    trainer.fit(LightningModule(model, OptimizerFactory(learning_rate=learning_rate, betas=betas)), data)
