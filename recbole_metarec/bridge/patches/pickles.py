"""Files that run code when they are read: what RecBole pickles is read only where a user allows it."""

from __future__ import annotations

import mmap
import pickle
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from logging import getLogger
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import recbole.data
import recbole.data.utils
import torch
from recbole.config import Config
from recbole.data.dataset import Dataset
from recbole.utils.argument_list import dataset_arguments

from recbole_metarec.bridge.checkpoint import restore
from recbole_metarec.bridge.pickles import HOW_TO_ALLOW, is_allowed
from recbole_metarec.errors import UserError
from recbole_metarec.files import domain_files, known_checksum
from recbole_metarec.training.checkpoint import load as load_checkpoint
from recbole_metarec.training.form import OLD_FORMAT, is_tensor_file

# Key of a configuration that holds checksums of the data's files.
_CHECKSUMS = "_checksums"


def apply() -> None:
    """Stand between RecBole and every file that it would unpickle."""
    torch.load = _guarded_torch_load(torch.load)
    np.load = _guarded_numpy_load(np.load)
    utils: Any = recbole.data.utils
    utils.save_split_dataloaders = _with_generators(utils.save_split_dataloaders)
    utils.pickle = SimpleNamespace(load=_load_data, dump=pickle.dump)
    load_split_dataloaders = _of_these_files(utils.load_split_dataloaders, "dataloaders_save_path")
    create_dataset = _of_these_files(utils.create_dataset, "dataset_save_path")
    with_names_of_their_own = recbole.data, sys.modules.get("recbole.quick_start.quick_start")
    for module in (utils, *filter(None, with_names_of_their_own)):
        module.create_dataset, module.load_split_dataloaders = create_dataset, load_split_dataloaders
    dataset_arguments.append(_CHECKSUMS)  # RecBole reads again what was saved with other ones


def _asked_by_recbole() -> bool:
    """Whether the function that calls this one was called by RecBole."""
    caller: str = sys._getframe(2).f_globals.get("__name__", "")
    return caller.startswith("recbole.")


def _guarded_torch_load(torch_load: Callable[..., Any]) -> Callable[..., Any]:
    """Load weights only, this package's checkpoints too; RecBole pickles its Config into every checkpoint."""

    @wraps(torch_load)
    def load(file: Any, *args: Any, **options: Any) -> Any:
        if not _asked_by_recbole() or "weights_only" in options:
            return torch_load(file, *args, **options)
        if isinstance(file, (str, Path)) and Path(file).is_file() and is_tensor_file(Path(file)):
            return restore(load_checkpoint(Path(file), options.get("map_location") or "cpu"), str(file))
        try:
            state = torch_load(file, *args, weights_only=True, **options)
        except pickle.UnpicklingError as error:
            if _says(file, OLD_FORMAT):
                raise UserError([f"{file}: is damaged or forged: this package puts no pickled object there"]) from error
            if not is_allowed():
                raise UserError([f"{file}: holds pickled objects, which can run code; {HOW_TO_ALLOW}"]) from error
            return torch_load(file, *args, weights_only=False, **options)
        return restore(state, str(file))

    return load


def _guarded_numpy_load(numpy_load: Callable[..., Any]) -> Callable[..., Any]:
    """Load numbers only: RecBole's LDiffRec allows pickled objects in ``item_emb.npy``."""

    @wraps(numpy_load)
    def load(file: Any, *args: Any, **options: Any) -> Any:
        if _asked_by_recbole() and not is_allowed():
            options["allow_pickle"] = False
        return numpy_load(file, *args, **options)

    return load


def _says(file: Any, text: str) -> bool:
    """Whether a file holds a text."""
    with Path(file).open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(text.encode()) >= 0


def _load_data(file: Any) -> Any:
    """Unpickle what RecBole saved of data if that is allowed, else return what RecBole takes for outdated."""
    if not is_allowed():
        getLogger().warning(f"{file.name}: is not read, as a pickle can run code; {HOW_TO_ALLOW}")
        return SimpleNamespace(config=defaultdict(object))
    try:
        data = pickle.load(file)
    except Exception as error:  # a damaged pickle may do anything
        raise UserError([f"{file.name}: cannot be unpickled ({type(error).__name__}); delete it"]) from error
    if not isinstance(data, (Dataset, list)):
        raise UserError([f"{file.name}: is no data that RecBole saved; delete it"])
    return data


def _with_generators(save: Callable[..., None]) -> Callable[..., None]:
    """Give data loaders back the generators that RecBole takes from them to save them."""

    @wraps(save)
    def save_and_give_back(config: Config, dataloaders: Any) -> None:
        generators = [loader.generator for loader in dataloaders]
        try:
            save(config, dataloaders)
        finally:
            for loader, generator in zip(dataloaders, generators, strict=True):
                loader.generator = loader.sampler.generator = generator

    return save_and_give_back


def _of_these_files(load: Callable[[Any], Any], key: str) -> Callable[[Any], Any]:
    """Make one of RecBole's functions that reuse saved data look at what the data were made from."""

    @wraps(load)
    def load_saved(config: Config) -> Any:
        file = config[key]
        if file and not is_allowed():
            raise UserError([f"--{key}={file}: is a pickle, which can run code; {HOW_TO_ALLOW}"])
        if is_allowed() or config["save_dataset"] or config["save_dataloaders"]:
            files = domain_files(Path(config["data_path"]), config["dataset"])
            config[_CHECKSUMS] = {path.name: known_checksum(path) for path in files}
        if key == "dataloaders_save_path" and not is_allowed():
            return None
        return load(config)

    return load_saved
