"""Checkpoints of plain values, written by RecBole's own trainers."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

from recbole.config import Config
from recbole.trainer.trainer import PretrainTrainer, Trainer

from recbole_metarec.bridge.checkpoint import state_of
from recbole_metarec.files import unused, writes
from recbole_metarec.training.checkpoint import save
from recbole_metarec.training.form import SUFFIX

_stock_init = Trainer.__init__


@wraps(Trainer._save_checkpoint)
def _save_checkpoint(self: Trainer, epoch: int, verbose: bool = True, **options: Any) -> None:
    there_already = epoch < 0 and self.start_epoch > 0  # a resumed run that had ended
    if there_already or not writes() or not (self.config["single_spec"] or self.config["local_rank"] == 0):
        return
    path = options.pop("saved_model_file", self.saved_model_file)
    save(Path(path), state_of(self, epoch))
    if verbose:
        self.logger.info(f"Saved current: {path}")


@wraps(PretrainTrainer.save_pretrained_model)
def _save_pretrained_model(self: PretrainTrainer, epoch: int, saved_model_file: str) -> None:
    save(Path(saved_model_file), state_of(self, epoch))
    self.saved_model_file = saved_model_file


@wraps(_stock_init)
def _init(self: Trainer, config: Config, model: Any) -> None:
    _stock_init(self, config, model)
    # RecBole names checkpoints by the second: the next run may begin in the same one
    self.saved_model_file = str(unused(Path(self.saved_model_file).with_suffix(SUFFIX)))


def apply() -> None:
    """Replace the methods."""
    Trainer.__init__ = _init
    Trainer._save_checkpoint = _save_checkpoint
    PretrainTrainer.save_pretrained_model = _save_pretrained_model
