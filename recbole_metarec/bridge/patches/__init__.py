"""Every change that this package makes to RecBole and its libraries at run time, in one table.

The patch of some name is the function ``apply`` of the module of that name in this package. `docs/patches.md` is this
table: ``python -m recbole_metarec.bridge.patches > docs/patches.md`` writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Patch:
    """A change of another library.

    Parameters
    ----------
    name : str
        Of its module in this package.
    what : str
        What is changed.
    why : str
        What goes wrong without it.
    until : str
        What would make it needless.
    upstream : tuple of int
        Numbers of RecBole's threads about it.
    """

    name: str
    what: str
    why: str
    until: str
    upstream: tuple[int, ...] = ()

    def apply(self) -> None:
        """Make the change."""
        import_module(f"{__name__}.{self.name}").apply()


PATCHES = (
    Patch(
        "warnings",
        what="warnings",
        why="RecBole's own calls of torch, pandas and pkg_resources warn of deprecations that users cannot mend",
        until="a RecBole that calls them as they are now",
    ),
    Patch(
        "numpy",
        what="`numpy.float_` and three more aliases",
        why="Numpy 2 dropped them; RecBole's Config and metrics, and ray 2.6, spell them out",
        until="a RecBole for numpy 2",
        upstream=(2203, 2078),
    ),
    Patch(
        "scipy",
        what="`scipy.sparse.dok_matrix._update`",
        why="Scipy 1.13 dropped it; RecBole's graph models fill their matrices with it",
        until="a RecBole for scipy 1.13",
        upstream=(2034, 2185),
    ),
    Patch(
        "ray",
        what="`ray.tune`, while `recbole.quick_start` is imported; signal handlers behind an import of ray",
        why="RecBole imports Ray Tune, for which there is no ray that it allows from Python 3.12 on, and ray puts a "
        "handler of SIGTERM of its own into the process",
        until="a RecBole that imports Ray Tune only to tune",
        upstream=(1518,),
    ),
    Patch(
        "colours",
        what="`colorama.init` where RecBole calls it",
        why="each log that RecBole opens wraps standard output and error once more, and in a terminal each wrap "
        "writes an escape sequence behind all that is printed",
        until="a RecBole that calls it once",
    ),
    Patch(
        "anomaly",
        what="`torch.autograd.set_detect_anomaly`",
        why="importing RecBole's SINE turns anomaly detection on, which slows down every model of the process",
        until="a SINE that leaves it alone",
    ),
    Patch(
        "counts",
        what="`Collector.get_data_struct`",
        why="it moves all that metrics need to the CPU as if it were tensors, and fails on numbers and counters",
        until="a collector that moves tensors only",
        upstream=(2131, 2191),
    ),
    Patch(
        "pop",
        what="`Pop.__init__`, `Pop.calculate_loss`",
        why="it counts an item that a batch has several times once, and sampled negatives as interactions",
        until="a Pop whose counts do not depend on the batch size",
        upstream=(2198, 1844),
    ),
    Patch(
        "order",
        what="`Dataset._change_feat_format`",
        why="RecBole rounds timestamps to float32 before it sorts by them, which reorders sequences",
        until="a RecBole that sorts by exact times",
        upstream=(2204, 1653, 1762),
    ),
    Patch(
        "split",
        what="`Dataset.build`",
        why="RecBole divides at no points of time that are the same for all users",
        until="a RecBole with such a split",
    ),
    Patch(
        "files",
        what="`Dataset._load_feat`",
        why="of a malformed file RecBole reads other columns or rows than stand there, without a word",
        until="a RecBole that checks its atomic files",
    ),
    Patch(
        "embedded",
        what="`Dataset._download`",
        why="the embedded domains are made from RecBole's own copy of ml-100k, for RecBole's models, too",
        until="domains that are downloaded",
    ),
    Patch(
        "properties",
        what="`Config._load_internal_config_dict`",
        why="RecBole reads a model's defaults from its own folder alone",
        until="a RecBole that asks a model for its defaults",
    ),
    Patch(
        "history",
        what="`FullSortEvalDataLoader.collate_fn`",
        why="RecBole never masks the history of sequential models and always that of others; `mask_history` decides, "
        "and `known_items` what else is no candidate",
        until="a RecBole that can mask the history of every model",
        upstream=(1449, 2038),
    ),
    Patch(
        "candidates",
        what="`recbole.data.utils.create_samplers`",
        why="RecBole draws other candidates at each evaluation, so that no two models face the same task",
        until="a RecBole that draws candidates once",
        upstream=(2077, 2178),
    ),
    Patch(
        "names",
        what="initialisation of RecBole's models",
        why="a checkpoint's weights go to whatever items have their numbers now",
        until="a RecBole whose checkpoints have the names of items and users",
    ),
    Patch(
        "saving",
        what="`Trainer.__init__`, `Trainer._save_checkpoint`, `PretrainTrainer.save_pretrained_model`",
        why="RecBole pickles its configuration into checkpoints, which torch then refuses to load; they are named and "
        "written as this package's own are",
        until="a RecBole that writes plain values",
        upstream=(2212,),
    ),
    Patch(
        "pickles",
        what="`torch.load`, `numpy.load` and `pickle.load` where RecBole calls them",
        why="RecBole unpickles checkpoints, data sets and data loaders, each of which can run any code",
        until="a RecBole that pickles nothing",
        upstream=(2212,),
    ),
    Patch(
        "reuse",
        what="`recbole.utils.argument_list.dataset_arguments`",
        why="RecBole reuses a saved dataset though a key of this package that shapes it has changed",
        until="a RecBole that lets others name such keys",
    ),
)
"""All patches, in the order in which they are applied."""

_applied: set[str] = set()


def apply_all() -> None:
    """Apply every patch that is not applied yet."""
    for patch in PATCHES:
        if patch.name not in _applied:
            patch.apply()
            _applied.add(patch.name)
