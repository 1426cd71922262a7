"""What a run shows while it goes on: a log file, how far it has come, a run at Weights & Biases."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from logging import getLogger
from typing import Any

import recbole.trainer.trainer
from recbole.utils import init_logger

from recbole_metarec.bridge.config import PluginConfig, variant_of
from recbole_metarec.progress import bar
from recbole_metarec.training import world

AfterEpoch = Callable[[int, float], None]
"""What RecBole's trainer calls with the number of an epoch and its validation score."""


class _Curves:
    """Stands for tensorboard's writer: what cannot be written is one warning, and ends the curves, not the run.

    Parameters
    ----------
    open_writer : callable
        Opens tensorboard's own; ``None`` for processes that write nothing.
    """

    def __init__(self, open_writer: Callable[[], Any] | None) -> None:
        self._writer: Any = None
        if open_writer is not None:
            with self._ending():
                self._writer = open_writer()

    def add_scalar(self, *arguments: Any) -> None:
        """See tensorboard's."""
        if self._writer is not None:
            with self._ending():
                self._writer.add_scalar(*arguments)

    def add_hparams(self, *arguments: Any) -> None:
        """See tensorboard's."""
        if self._writer is not None:
            with self._ending():
                self._writer.add_hparams(*arguments)

    def close(self) -> None:
        """Write what is left, and end the thread that writes."""
        if self._writer is not None:
            with self._ending():
                self._writer.close()

    @contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            folder = getattr(self._writer, "log_dir", "log_tensorboard")
            getLogger().warning(f"{folder}: {error.strerror or error}: the curves of this run end here")
            self._writer = None


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
        return None
    streams = sys.stdout, sys.stderr
    init_logger(config)
    sys.stdout, sys.stderr = streams  # colorama's are for the log alone
    path = None
    for handler in logger.handlers:
        if isinstance(handler, logging.FileHandler):
            path = handler.baseFilename
            handler.handleError = partial(_end_log, handler)  # type: ignore[method-assign]
        else:
            handler.setLevel(max(handler.level, logging.WARNING))
    logger.info(config)
    return path


def _end_log(handler: logging.FileHandler, record: logging.LogRecord) -> None:
    """Say once why a log cannot go on; the run does."""
    error = sys.exc_info()[1]
    logging.getLogger().removeHandler(handler)
    with suppress(OSError):
        handler.close()
    why = getattr(error, "strerror", None) or error
    print(f"warning: {handler.baseFilename}: {why}: the log of this run ends here", file=sys.stderr, flush=True)


@contextmanager
def curves() -> Iterator[None]:
    """Let trainers write their curves, and end them with the run; RecBole leaves a file and a thread open for each."""
    stock, opened = recbole.trainer.trainer.get_tensorboard, list[_Curves]()

    def get_tensorboard(logger: logging.Logger) -> _Curves:
        opened.append(_Curves(partial(stock, logger) if world.is_first() else None))
        return opened[-1]

    recbole.trainer.trainer.get_tensorboard = get_tensorboard
    try:
        yield
    finally:
        recbole.trainer.trainer.get_tensorboard = stock
        for each in opened:
            each.close()


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
