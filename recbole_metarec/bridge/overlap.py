"""What the files of a target and its sources have in common, said before a run begins."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from recbole_metarec.domains.atomic import read_interactions
from recbole_metarec.domains.overlap import Ids, ids_of, overlap_line
from recbole_metarec.domains.plain import NotPlain
from recbole_metarec.domains.stored import Source, stored


def tell_overlap(settings: Mapping[str, Any], sources: Iterable[str]) -> None:
    """Say on standard error, in a line, how many users and items a target shares with sources, if it does.

    Parameters
    ----------
    settings : mapping
        All settings of a run, whose data have been checked and are there.
    sources : iterable of str
        Names.
    """
    names = list(dict.fromkeys(sources))
    if not names:
        return
    target, *others = (_ids(name, settings) for name in (settings["dataset"], *names))
    apart = settings.get("shared_items", "apart") == "apart"
    line = overlap_line(settings["dataset"], target, dict(zip(names, others, strict=True)), apart)
    if line:
        print(line, file=sys.stderr)


def _ids(name: str, settings: Mapping[str, Any]) -> Ids:
    path = Path(settings["data_path"]) / name / f"{name}.inter"
    user, item, time = (settings[f"{kind}_FIELD"] for kind in ("USER_ID", "ITEM_ID", "TIME"))
    separator, encoding = settings["field_separator"], settings.get("encoding") or "utf-8"
    found = None
    with suppress(NotPlain):  # to be read closely
        found = stored(Source(path, user, item, time, separator, encoding), settings["interaction_cache"])
    return ids_of(read_interactions(path, [user, item], separator, encoding) if found is None else found)
