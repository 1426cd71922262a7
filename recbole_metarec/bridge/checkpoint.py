"""Checkpoints of plain values and tensors: no pickled classes, never half written, with the names of their items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch
from recbole.trainer.trainer import PretrainTrainer, Trainer
from torch import Tensor, nn

from recbole_metarec.bridge.config import from_plain, to_plain
from recbole_metarec.bridge.names import mark, names_of
from recbole_metarec.errors import UserError
from recbole_metarec.files import whole_file

FORMAT = "recbole_metarec/1"

# What a run that goes on takes from every checkpoint.
_RESUMED: dict[str, type | tuple[type, ...]] = {
    "config": dict,
    "epoch": int,
    "cur_step": int,
    "best_valid_score": (int, float),
    "state_dict": dict,
    "other_parameter": dict,
    "optimizer": dict,
    "rng": Tensor,
}


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint so that it exists whole or not at all.

    Parameters
    ----------
    path : Path
        Where it goes; a file of that name is replaced at the end.
    state : mapping
        Plain values and tensors; `FORMAT` is added.

    Raises
    ------
    OSError
        If it cannot be written; it names ``path``.
    """
    with whole_file(path) as file:
        try:
            torch.save({"format": FORMAT, **state}, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # what torch's writer says instead tells nothing
                raise error.__context__ from None
            raise


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint without unpickling code.

    Parameters
    ----------
    path : Path
        A file that `save` wrote.
    device : torch.device or str
        Where tensors go.

    Returns
    -------
    dict

    Raises
    ------
    UserError
        If the file is missing, damaged or none of this package's checkpoints.
    """
    if not path.is_file():
        raise UserError([f"{path}: no such checkpoint"])
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise UserError([f"{path}: not a checkpoint of this package ({type(error).__name__})"]) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise UserError([f"{path}: not a checkpoint of format {FORMAT}"])
    if "state_dict" in state:
        mark(state, str(path))
    return state


def restore(state: Any, name: str) -> Any:
    """Turn a loaded checkpoint into what RecBole expects: the configuration as a Config object.

    Parameters
    ----------
    state : object
        What ``torch.load`` returned; anything but this package's checkpoints passes unchanged.
    name : str
        Of the file.

    Returns
    -------
    object

    Raises
    ------
    UserError
        If it is no trained model, or damaged.
    """
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        return state
    plain, weights = state.get("config"), state.get("state_dict")
    if not isinstance(plain, dict) or not isinstance(weights, dict):
        raise UserError([f"{name}: is no trained model; the name of a core, for pretrained, ends in -core.pth"])
    if not str(plain.get("teacher", "x")).isidentifier():  # RecBole's KD_DAGFM evaluates it
        raise UserError([f"{name}: teacher must be the name of a model"])
    try:
        config = from_plain(plain)
    except (KeyError, TypeError, ValueError, AttributeError, ImportError, NotImplementedError) as error:
        raise UserError([f"{name}: RecBole refuses its configuration: {type(error).__name__}: {error}"]) from error
    if not isinstance(state.get("other_parameter", {}), dict):
        raise UserError([f"{name}: is damaged: other_parameter is of type {type(state['other_parameter']).__name__}"])
    mark(state, name)
    with named_when_damaged(name):
        other = _unpacked(state.get("other_parameter"))
    return {**state, "config": config, "other_parameter": other}


def state_of(trainer: Any, epoch: int) -> dict[str, Any]:
    """Return what every checkpoint of a trainer holds.

    Parameters
    ----------
    trainer : recbole.trainer.Trainer
    epoch : int
        The last that was trained.

    Returns
    -------
    dict
        Plain values and tensors.
    """
    model = trainer.model
    return {
        "config": to_plain(trainer.config),
        "epoch": epoch,
        "cur_step": trainer.cur_step,
        "best_valid_score": float(trainer.best_valid_score),
        "state_dict": model.state_dict(),
        "other_parameter": _packed(model.other_parameter()),
        "optimizer": trainer.optimizer.state_dict(),
        **names_of(model),
        **getattr(trainer, "own_state", dict)(),
    }


def check_origin(path: Path, state: Mapping[str, Any], settings: Any) -> None:
    """Check that a checkpoint is of the run that is to go on.

    Parameters
    ----------
    path : Path
        Of the checkpoint.
    state : mapping
        What `load` returned.
    settings : mapping or recbole.config.Config
        Of the run.

    Raises
    ------
    UserError
        If model, target or sources are others, or the file is damaged or no trained model.
    """
    if not {"config", "epoch", "state_dict"} <= state.keys():
        raise UserError([f"{path}: is no trained model, so that no run can go on from it"])
    damaged = [
        f"{path}: is damaged: {key} is {f'of type {type(state[key]).__name__}' if key in state else 'missing'}"
        for key, kind in _RESUMED.items()
        if not isinstance(state.get(key), kind) or isinstance(state[key], bool)
    ]
    if damaged:
        raise UserError(damaged)
    problems = [
        f"{path}: is of {key} {state['config'].get(key)}, not of {settings[key]}"
        for key in ("model", "dataset", "source_datasets")
        if (state["config"].get(key) or []) != (settings[key] or [])
    ]
    if problems:
        raise UserError(problems)


@contextmanager
def named_when_damaged(path: str | Path) -> Iterator[None]:
    """Let what fails while a checkpoint's values are taken over say which file it is.

    Parameters
    ----------
    path : path
        Of the checkpoint.

    Raises
    ------
    UserError
        If a value is missing or of another type or size than is wanted.
    """
    try:
        yield
    except UserError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError([f"{path}: is damaged: {type(error).__name__}: {reason}"]) from error


@contextmanager
def named_when_interrupted(trainer: Any) -> Iterator[None]:
    """Let an interrupt say where the best epoch is and, if the trainer can, how to go on from there."""
    try:
        yield
    except KeyboardInterrupt:
        path = Path(trainer.saved_model_file)
        if not path.is_file():
            raise
        how = f"go on with --resume={path}" if hasattr(trainer, "own_state") else f"the best epoch is in {path}"
        raise KeyboardInterrupt(how) from None


def register_saving() -> None:
    """Make RecBole's own trainers write checkpoints of this format; to be called once."""
    Trainer._save_checkpoint = _save_checkpoint
    PretrainTrainer.save_pretrained_model = _save_pretrained_model


def _save_checkpoint(trainer: Any, epoch: int, verbose: bool = True, **options: Any) -> None:
    there_already = epoch < 0 and trainer.start_epoch > 0  # a resumed run that had ended
    if there_already or not (trainer.config["single_spec"] or trainer.config["local_rank"] == 0):
        return
    path = options.pop("saved_model_file", trainer.saved_model_file)
    save(Path(path), state_of(trainer, epoch))
    if verbose:
        trainer.logger.info(f"Saved current: {path}")


def _save_pretrained_model(trainer: Any, epoch: int, saved_model_file: str) -> None:
    save(Path(saved_model_file), state_of(trainer, epoch))
    trainer.saved_model_file = saved_model_file


# -- values that RecBole's models keep beside their weights ------------------------------------------------------------

_ARRAY, _SPARSE = "numpy.ndarray", "scipy.sparse"


def _packed(value: Any) -> Any:
    """Write arrays and sparse matrices as tensors; modules, which stand among the weights, are left out."""
    if isinstance(value, dict):
        return {key: _packed(each) for key, each in value.items() if not isinstance(each, nn.Module)}
    if isinstance(value, (list, tuple)):
        return type(value)(_packed(each) for each in value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {_ARRAY: torch.from_numpy(np.ascontiguousarray(value))}
    if scipy.sparse.issparse(value):
        rows = value.tocsr()
        parts = [_packed(part) for part in (rows.data, rows.indices, rows.indptr)]
        return {_SPARSE: value.format, "parts": parts, "shape": list(value.shape)}
    if value is None or isinstance(value, (bool, int, float, str, Tensor)):
        return value
    raise TypeError(f"a checkpoint of plain values cannot hold a {type(value).__name__}")


def _unpacked(value: Any) -> Any:
    """Read what `_packed` wrote."""
    if isinstance(value, (list, tuple)):
        return type(value)(_unpacked(each) for each in value)
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return value[_ARRAY].cpu().numpy()
    if _SPARSE in value:
        parts = tuple(_unpacked(part) for part in value["parts"])
        return scipy.sparse.csr_matrix(parts, shape=value["shape"]).asformat(value[_SPARSE])
    return {key: _unpacked(each) for key, each in value.items()}
