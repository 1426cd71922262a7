"""What a checkpoint holds of a RecBole trainer, and what RecBole makes of it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recbole.config import Config
from torch import Tensor

from recbole_metarec.bridge.config import data_path, from_plain, to_plain
from recbole_metarec.bridge.names import names_of
from recbole_metarec.errors import UserError
from recbole_metarec.files import fingerprint
from recbole_metarec.models import SPECS
from recbole_metarec.training.checkpoint import FORMATS, SUFFIX, mark, named_when_damaged
from recbole_metarec.training.packing import unpack

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
    if not isinstance(state, dict) or state.get("format") not in FORMATS:
        return state
    if not isinstance(state.get("config"), dict) or not isinstance(state.get("state_dict"), dict):
        raise UserError([f"{name}: is no trained model; the name of a core, for pretrained, ends in -core{SUFFIX}"])
    config = _config_of(state["config"], name)
    if not isinstance(state.get("other_parameter", {}), dict):
        raise UserError([f"{name}: is damaged: other_parameter is of type {type(state['other_parameter']).__name__}"])
    mark(state, name)
    with named_when_damaged(name):
        other = unpack(state.get("other_parameter"))
    return {**state, "config": config, "other_parameter": other}


def _config_of(plain: Mapping[str, Any], name: str) -> Config:
    if not str(plain.get("teacher", "x")).isidentifier():  # RecBole's KD_DAGFM evaluates it
        raise UserError([f"{name}: teacher must be the name of a model"])
    try:
        return from_plain(plain)
    except (KeyError, TypeError, ValueError, AttributeError, ImportError, NotImplementedError) as error:
        raise UserError([f"{name}: RecBole refuses its configuration: {type(error).__name__}: {error}"]) from error


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
        "other_parameter": model.other_parameter(),
        "optimizer": trainer.optimizer.state_dict(),
        **names_of(model),
        "data": data_of(trainer.config, model),
        **getattr(trainer, "own_state", dict)(),
    }


def data_of(config: Config, model: Any) -> dict[str, Any]:
    """Return what a checkpoint says of its data: checksums of the files of target and sources, the target's sizes."""
    sources = config["source_datasets"] or [] if config["model"] in SPECS else []
    names = getattr(model, "field_names", {})
    sizes = {f"{kind}s": len(names[kind]) - 1 for kind in ("user", "item") if kind in names}
    return {"files": fingerprint(data_path(config), [config["dataset"], *sources]), **sizes}


def check_origin(path: Path, state: Mapping[str, Any], settings: Any) -> None:
    """Check that a checkpoint is of the run that is to go on.

    Parameters
    ----------
    path : Path
        Of the checkpoint.
    state : mapping
        What `training.checkpoint.load` returned.
    settings : mapping or recbole.config.Config
        Of the run.

    Raises
    ------
    UserError
        If model, target, sources or beginning are others, or the file is damaged or no trained model.
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
        for key in ("model", "dataset", "source_datasets", "init_from")
        if (state["config"].get(key) or []) != (settings[key] or [])
    ]
    if problems:
        raise UserError(problems)


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
