"""What a comparison of several models is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Ge, Le

from recbole_metarec.settings.base import Settings, option
from recbole_metarec.settings.kinds import Count, FileToRead, FolderToWrite, Follows, Word, is_place, listed

REPORTS = (".html", ".md", ".json")
"""Endings of files that a comparison is written to."""


def _reports(value: object) -> str | None:
    good = value is None or all(map(is_place, listed(value)))
    return None if good else f"must list names of {', '.join(REPORTS)} files, or ~"


class ComparisonSettings(Settings):
    """Several models, several seeds."""

    group = "Comparison"

    seeds: Annotated[int, Ge(1), Le(10_000)] = option(
        1, "Seeds of a comparison of several models: seed, seed + 1, ...", decides="nothing"
    )
    reference: Word | None = option(
        None,
        "The model that others are compared with, as MetaRec:scratch or SASRec; by default the first scratch control, "
        "else the first model.",
        decides="nothing",
    )
    comparison_folder: FolderToWrite = option(
        "saved/comparison",
        "Where finished runs of comparisons are kept, and never run again.",
        decides="nothing",
    )
    report: Annotated[str | Sequence[str] | None, Follows(_reports)] = option(
        None,
        "Files to write a comparison to: .html, .md or .json.",
        decides="nothing",
    )
    leave_one_out: bool = option(
        False,
        "Whether a comparison also trains models that transfer without each of their sources.",
        decides="nothing",
    )
    tune: FileToRead | None = option(
        None,
        "YAML file of a space to search for each model of a comparison, with Optuna (extra [tune]).",
        decides="nothing",
    )
    trials: Count = option(20, "Trials for each model.", decides="nothing")
    runs_at_once: Count = option(
        1,
        "Runs and trials of a comparison at a time. More than one are Ray tasks, on the cluster that the environment "
        "variable RAY_ADDRESS names, or on this machine.",
        decides="nothing",
    )
