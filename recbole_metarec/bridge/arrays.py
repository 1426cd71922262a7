"""Domains from the arrays of their files, where RecBole's reading and filters would change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from recbole.config import Config

from recbole_metarec.bridge.clock import known_times, warn_of_ties
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.plain import NotPlain
from recbole_metarec.domains.stored import Source, StoredInteractions, stored
from recbole_metarec.errors import UserError
from recbole_metarec.memory import TooLarge

# Settings by which RecBole drops or changes interactions, renumbers ids or reads more files.
_CHANGE = (
    *("rm_dup_inter", "val_interval", "alias_of_user_id", "alias_of_item_id", "threshold", "preload_weight"),
    *("normalize_field", "normalize_all", "discretization", "benchmark_filename", "additional_feat_suffix"),
    *("unload_col", "shuffle_ties"),
)
_NO_INTERVAL = (None, "[0,inf)")


def stored_whole(config: Config) -> StoredInteractions | None:
    """Return the stored interactions of a domain, if there are any and `stored_is_whole`.

    Parameters
    ----------
    config : recbole.config.Config
        Configuration whose dataset is the domain.

    Returns
    -------
    StoredInteractions, or None
    """
    source = source_of(config)
    return stored_or_none(source, config) if source is not None and stored_is_whole(config, source) else None


def stored_is_whole(config: Config, source: Source) -> bool:
    """Whether what is stored is all that RecBole would have of a domain, in the same order and with the same ids."""
    load = {part: columns for part, columns in (config["load_col"] or {}).items() if columns}
    if load.keys() != {"inter"} or {*load["inter"]} != {*source.fields}:
        return False
    intervals = (config[f"{side}_inter_num_interval"] for side in ("user", "item"))
    return not any(config[key] for key in _CHANGE) and all(interval in _NO_INTERVAL for interval in intervals)


def source_of(config: Config) -> Source | None:
    """Return a domain's file and columns; ``None`` if settings name not all of them."""
    path = Path(config["data_path"]) / f"{config['dataset']}.inter"
    user, item, time = (config[f"{kind}_FIELD"] for kind in ("USER_ID", "ITEM_ID", "TIME"))
    if not all((user, item, time)) or len({user, item, time}) < 3:
        return None
    return Source(path, user, item, time, config["field_separator"], config["encoding"] or "utf-8")


def stored_or_none(source: Source, config: Config) -> StoredInteractions | None:
    """Return what is `stored`, or nothing where the file is to be read otherwise."""
    try:
        return stored(source, config["interaction_cache"])
    except TooLarge:
        raise
    except (NotPlain, UserError):  # said by those who read it closely
        return None


def to_domain(found: StoredInteractions, config: Config) -> Domain:
    """Make a domain of stored interactions: views of them, where each user has several.

    Parameters
    ----------
    found : StoredInteractions
    config : recbole.config.Config
        Its configuration.

    Returns
    -------
    Domain
        See `load_catalogue`.
    """
    name, n_items, lengths = config["dataset"], len(found.names), found.lengths
    times = known_times(found.stamps, config)
    begins_user = np.zeros(len(found), bool)
    begins_user[found.offsets[:-1]] = True
    warn_of_ties(config, ~begins_user[1:], found.items, found.stamps, lambda: np.array(["[PAD]", *found.item_names()]))
    if lengths.min() > 1:
        return Domain(name, found.items, found.offsets, n_items, times)
    several = np.repeat(lengths > 1, lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths[lengths > 1])])
    return Domain(name, found.items[several], offsets, n_items, None if times is None else times[several])
