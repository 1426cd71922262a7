"""The commands that train: run, compare, tune."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.cli.help import command, of_settings
from recbole_metarec.cli.interrupts import ending_at_once
from recbole_metarec.cli.launch import run_together
from recbole_metarec.cli.pipes import forget_unread
from recbole_metarec.errors import UserError
from recbole_metarec.settings.suite import DEFAULT_TARGET
from recbole_metarec.training.environment import asked, speaking_once

if TYPE_CHECKING:
    from recbole_metarec.comparison.compare import Comparison
    from recbole_metarec.comparison.summary import Summary


@command(of_settings, "--model=NAME [--key=value | --key value ...]")
def run(arguments: Sequence[str]) -> int:
    """Train a model on one target and test it.

    A model that transfers is compared with the same model trained from scratch. Several models, seeds, a report, a
    search or settings of one model alone, as --SASRec.epochs=30, make it a comparison.
    """
    settings = parse_arguments(arguments)
    models = _models_of(settings)
    several = len(models) > 1 or ":" in models[0] or settings.get("seeds", 1) != 1
    if several or any("." in key for key in settings) or settings.get("report") or settings.get("tune"):
        return compare_models(settings, models)
    number = settings.get("nproc")
    if type(number) is int and number > 1 and asked() == 1:
        return run_together(number, arguments)
    return run_model({**settings, "model": models[0]})


@command(of_settings, "--model=NAME [--key=value | --key value ...]")
def compare(arguments: Sequence[str]) -> int:
    """Train and test several models side by side, with intervals over users and seeds."""
    settings = parse_arguments(arguments)
    return compare_models(settings, _models_of(settings))


@command(of_settings, "--model=NAME [--key=value | --key value ...]")
def tune(arguments: Sequence[str]) -> int:
    """Search for the best settings of each model, then compare the models with them.

    --tune names the YAML file of the space, --trials the number of trials for each model.
    """
    settings = parse_arguments(arguments)
    if not settings.get("tune"):
        raise UserError(["--tune: is missing; name a YAML file of lines as learning_rate: {low: 0.0003, high: 0.003}"])
    return compare_models(settings, _models_of(settings))


def _models_of(settings: Mapping[str, Any]) -> list[str]:
    from recbole_metarec.comparison.labels import asked_models

    return asked_models(settings)


def run_model(settings: Mapping[str, Any]) -> int:
    """Run a model with its controls and print what was found; returns the exit status."""
    from recbole_metarec.configuration.checks import sound

    if asked() > 1:  # an error is said once by processes that know each other
        from recbole_metarec.training.processes import join

        join(settings.get("gpu_id", "0"))
    with speaking_once():
        resolved = sound(settings)
        with ending_at_once():  # what trains takes seconds to import
            from recbole_metarec.runs.report import run_report, write_json
            from recbole_metarec.runs.run import accepted, delivery, make_runs
            from recbole_metarec.training.processes import leave
        resolved = accepted(resolved)
        results, file, samples = make_runs(resolved), resolved["result_file"], resolved["bootstrap_samples"]
        to_use = delivery(resolved, results)
        steps = [(f"\nresults: {file}", partial(write_json, Path(file), results, samples, to_use))] if file else []
        status = show(run_report(results, samples, to_use), steps)
    leave()
    return status


def compare_models(settings: Mapping[str, Any], models: Sequence[str]) -> int:
    """Compare models and print what was found; returns the exit status."""
    comparison, summary = compared(settings, models)
    from recbole_metarec.comparison.report_file import write_report
    from recbole_metarec.comparison.text_report import text_report

    reports = settings.get("report") or []
    files = [*([reports] if isinstance(reports, str) else reports), settings.get("result_file")]
    steps = [(f"\nreport: {file}", partial(write_report, Path(file), comparison, summary)) for file in files if file]
    return show(text_report(comparison, summary), steps) or int(bool(comparison.failures))


def compared(settings: Mapping[str, Any], models: Sequence[str]) -> tuple[Comparison, Summary]:
    """Compare models, and sum up what was found."""
    from recbole_metarec.comparison.entries import make_entries

    settings = {"dataset": DEFAULT_TARGET, **settings, "model": models}
    entries = make_entries(settings)
    with ending_at_once():  # what trains takes seconds to import
        from recbole_metarec.comparison.compare import compare_entries
        from recbole_metarec.comparison.summary import summarize
    try:
        comparison = compare_entries(settings, entries)
    except KeyboardInterrupt as interrupt:
        interrupt.args = ("runs that have ended are kept", *interrupt.args)
        raise
    return comparison, summarize(comparison)


def show(text: str, files: Sequence[tuple[str, Callable[[], None]]]) -> int:
    """Print what was found, then write it to files; what cannot be written costs only itself."""
    from recbole_metarec.files import what_failed

    steps: list[tuple[str, Callable[[], None]]] = [(text, lambda: None), *files]
    failures = []
    for said, write in steps:
        try:
            write()
            print(said, flush=True)
        except BrokenPipeError:  # what is written counts
            forget_unread()
        except OSError as error:
            error.filename = error.filename or "standard output"
            failures.append(f"error: {what_failed(error)}")
    print(*dict.fromkeys(failures), sep="\n", end="\n" * bool(failures), file=sys.stderr)
    return int(bool(failures))
