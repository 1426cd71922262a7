"""What the files of a target and its sources have in common, said before a run begins."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from recbole_metarec.domains.atomic import read_interactions
from recbole_metarec.domains.overlap import overlap_line


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
    root, fields = Path(settings["data_path"]), [settings["USER_ID_FIELD"], settings["ITEM_ID_FIELD"]]
    separator, encoding = settings["field_separator"], settings.get("encoding") or "utf-8"
    target, *others = (
        read_interactions(root / name / f"{name}.inter", fields, separator, encoding)
        for name in (settings["dataset"], *names)
    )
    apart = settings.get("shared_items", "apart") == "apart"
    line = overlap_line(settings["dataset"], target, dict(zip(names, others, strict=True)), apart)
    if line:
        print(line, file=sys.stderr)
