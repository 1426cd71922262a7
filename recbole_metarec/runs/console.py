"""What a run shows while it goes on: a log file, how far it has come, a run at Weights & Biases."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from logging import getLogger

import recbole.trainer.trainer
from recbole.utils import init_logger

from recbole_metarec.bridge.config import PluginConfig, variant_of
from recbole_metarec.progress import bar
from recbole_metarec.training import world

AfterEpoch = Callable[[int, float], None]
"""What RecBole's trainer calls with the number of an epoch and its validation score."""


class _NoCurves:
    """Stands for tensorboard's writer in processes that write nothing."""

    def add_scalar(self, *_: object) -> None:
        """Write nothing."""

    def add_hparams(self, *_: object) -> None:
        """Write nothing."""


def open_log(config: PluginConfig) -> str | None:
    """Open a log file for one run alone; the console shows warnings only.

    Parameters
    ----------
    config : PluginConfig
        Of the run.

    Returns
    -------
    str, or None
        The file, if there is one: of several processes that train together the first alone has one.
    """
    logger = getLogger()
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    if not world.is_first():
        logger.addHandler(logging.NullHandler())
        recbole.trainer.trainer.get_tensorboard = lambda _: _NoCurves()
        return None
    streams = sys.stdout, sys.stderr
    init_logger(config)
    sys.stdout, sys.stderr = streams  # colorama's are for the log alone
    path = None
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            path = handler.baseFilename
        else:
            handler.setLevel(max(handler.level, logging.WARNING))
    logger.info(config)
    return path


@contextmanager
def progress(config: PluginConfig, curve: list[float]) -> Iterator[tuple[bool, AfterEpoch]]:
    """Show one bar over the epochs and take note of their scores; RecBole's bars within an epoch vanish when full.

    Where there is no terminal, lines take the place of bars; see `recbole_metarec.progress`.

    Parameters
    ----------
    config : PluginConfig
        Of the run.
    curve : list of float
        The score of each evaluation is appended to it.

    Yields
    ------
    show_progress : bool
        For RecBole's trainer.
    after_epoch : callable
        Likewise, its ``callback_fn``.
    """
    show = bool(config["show_progress"])
    stock, best = recbole.trainer.trainer.tqdm, float("-inf")
    label = f"{config['model']} {variant_of(config) or ''}".strip()
    recbole.trainer.trainer.tqdm = partial(bar, leave=False, delay=2)
    with bar(total=config["epochs"], desc=label, unit="epoch", show=show) as shown:

        def after_epoch(epoch: int, score: float) -> None:
            nonlocal best
            best = max(best, score)
            curve.append(float(score))
            shown.set_postfix_str(f"{config['valid_metric']} {score:.4f}, best {best:.4f}")
            shown.update(epoch + 1 - shown.n)

        try:
            yield show, after_epoch
        finally:
            recbole.trainer.trainer.tqdm = stock


@contextmanager
def wandb_run(config: PluginConfig) -> Iterator[None]:
    """End the run that RecBole begins at Weights & Biases, or the next model's curves would go on in it."""
    try:
        yield
    finally:
        if config["log_wandb"]:
            importlib.import_module("wandb").finish()
