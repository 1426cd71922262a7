"""What a comparison is about: its target and sources in a line each, and the parts of the test targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from recbole_metarec.bridge.config import PluginConfig, for_domain
from recbole_metarec.bridge.dataset import DomainDataset
from recbole_metarec.bridge.loading import load_domain
from recbole_metarec.comparison.entries import Entry
from recbole_metarec.evaluation.groups import Grouping, group_targets
from recbole_metarec.evaluation.targets import Targets
from recbole_metarec.models import SPECS, can_transfer


@dataclass(frozen=True)
class Description:
    """What is known of a target and its sources without training.

    Attributes
    ----------
    target : str
        One line about the target's training part.
    sources : list of str
        One line about each source.
    grouped : Targets or None
        The test targets that groupings divide.
    groupings : list of Grouping
        Parts of them.
    repeats : float or None
        Share of the test targets that their users had before.
    """

    target: str = ""
    sources: list[str] = field(default_factory=list)
    grouped: Targets | None = None
    groupings: list[Grouping] = field(default_factory=list)
    repeats: float | None = None


def describe(entries: list[Entry], seed: int, say: Callable[[str], None]) -> Description:
    """Describe the target's training part and the sources, and group the test targets.

    Parameters
    ----------
    entries : list of Entry
        Of the comparison.
    seed : int
        Of its first runs.
    say : callable
        Told if the target cannot be read as sequences; it is then its name alone.

    Returns
    -------
    Description
    """
    settings = entries[0].settings
    target = settings["dataset"]
    if settings.get("benchmark_filename"):  # split already: there are no whole sequences to describe
        return Description(target)
    # All settings but the model, which is any that reads sequences: the runs read and filter by the same.
    model = next(iter(SPECS))
    config = PluginConfig(model, target, {**settings, "model": model, "seed": seed})
    try:
        return _described(config, entries)
    except (ValueError, KeyError, AttributeError, OSError, NotImplementedError) as error:
        say(f"{target}: not described: {type(error).__name__}: {' '.join(str(error).split())}")
        return Description(target)


def _described(config: PluginConfig, entries: list[Entry]) -> Description:
    sources = [entry.resolved["source_datasets"] or () for entry in entries if can_transfer(entry.model)]
    names = dict.fromkeys(name for of_entry in sources for name in of_entry)
    dataset = DomainDataset(config)
    train, _, test = dataset.build()
    domain, rows = train.domain(), test.inter_feat
    targets = Targets(rows[test.uid_field].numpy(), rows[test.iid_field].numpy())
    counts = domain.item_counts()
    row, before = (part.numpy() for part in test.history(rows))
    repeated = np.bincount(row[before == targets.items[row]], minlength=len(targets.items)) > 0
    lengths: npt.NDArray[np.int64] = test.history_lengths(rows).numpy()
    return Description(
        domain.describe(),
        [load_domain(for_domain(config, name)).describe() for name in names],
        targets.named(test),
        group_targets(lengths, counts[targets.items], counts),
        float(repeated.mean()),
    )
