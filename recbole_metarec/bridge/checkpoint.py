"""What a checkpoint holds of a RecBole trainer, and what RecBole makes of it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recbole.config import Config

from recbole_metarec.bridge.config import data_path, from_plain, to_plain
from recbole_metarec.bridge.identity import changed_files, differences
from recbole_metarec.bridge.names import names_of
from recbole_metarec.configuration.checkpoints import check_origin
from recbole_metarec.errors import UserError
from recbole_metarec.files import fingerprint
from recbole_metarec.models import SPECS
from recbole_metarec.training.checkpoint import mark
from recbole_metarec.training.form import FORMATS, SUFFIX, named_when_damaged
from recbole_metarec.training.packing import unpack


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
        "config": {**to_plain(trainer.config), "resume": None},
        "epoch": epoch,
        "cur_step": trainer.cur_step,
        "best_valid_score": float(trainer.best_valid_score),
        "state_dict": model.state_dict(),
        "other_parameter": model.other_parameter(),
        "optimizer": trainer.optimizer.state_dict(),
        **names_of(model),
        "data": {"files": files_of(trainer.config), **sizes_of(model)},
        **getattr(trainer, "own_state", dict)(),
    }


def files_of(config: Config) -> dict[str, dict[str, str]]:
    """Return the checksums of the files of target and sources, by domain and name."""
    sources = config["source_datasets"] or [] if config["model"] in SPECS else []
    return fingerprint(data_path(config), [config["dataset"], *sources])


def sizes_of(model: Any) -> dict[str, int]:
    """Return the numbers of users and items of the target, as far as the model knows them."""
    names = getattr(model, "field_names", {})
    return {f"{kind}s": len(names[kind]) - 1 for kind in ("user", "item") if kind in names}


def check_same_run(path: Path, state: Mapping[str, Any], config: Config) -> None:
    """Check that a checkpoint is of the run that is to go on, with the same settings and data.

    How long and how fast it learns may differ.

    Parameters
    ----------
    path, state
        See `check_origin`.
    config : recbole.config.Config
        Of the run.

    Raises
    ------
    UserError
        If they are not, or the file is damaged or no trained model.
    """
    check_origin(path, state, config)
    with named_when_damaged(path):
        now, files = to_plain(config), state.get("data", {}).get("files")
        lines = differences(config["model"], state["config"], now, pace=False)
        problems = [f"{path}: is of {line}" for line in lines]
        changed = [] if files is None else changed_files(files, files_of(config))
    if changed:
        problems.append(f"{path}: is of other data, since when these files have changed: {', '.join(changed)}")
    if problems:
        raise UserError(problems)
