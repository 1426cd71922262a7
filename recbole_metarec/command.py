"""The command line: arguments to settings, results to text, mistakes to one line each."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from recbole_metarec.checks import effective_settings
from recbole_metarec.comparison.compare import compare
from recbole_metarec.comparison.entries import asked_models
from recbole_metarec.comparison.files import write_report
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.comparison.text import render as render_comparison
from recbole_metarec.config import read_users_yaml, yaml_loader
from recbole_metarec.errors import UserError
from recbole_metarec.evaluation.report import render
from recbole_metarec.quick_start import run

USAGE = """\
usage: python run_recbole_metarec.py --model=NAME [--dataset=TARGET] [--source_datasets=A,B,C] [--key=value ...]

  --model=MetaRec           MetaRec, ANT (reads texts, pictures, prices), or any sequential or general model of RecBole
  --dataset=NAME            the target domain (default: a genre of ml-100k, made on first use)
  --source_datasets=A,B     the source domains; [] trains from scratch
  --data_path=dataset/      folder that holds each domain as NAME/NAME.inter
  --config_files=a.yaml,b.yaml
  --result_file=x.json      also write the results as JSON
  --model=MetaRec,ANT:finetune,SASRec   several models side by side, variants behind a colon
  --seeds=3                 each with so many seeds; --reference=SASRec is what others are compared with
  --report=x.html,x.md      write the comparison to files
  --tune=space.yaml         search for the best settings of each model first, --trials=20 for each
  --runs_at_once=4          make runs and trials at a time, as Ray tasks
  --mask_history=True       earlier items of a user are no candidates
  --scratch_control=False   leave out the control that trains from scratch

All other keys: properties/overall.yaml, properties/model/, and RecBole's own.
"""


def parse_arguments(arguments: Sequence[str]) -> dict[str, Any]:
    """Turn ``--key=value`` arguments and the property files that they name into settings.

    Parameters
    ----------
    arguments : sequence of str
        Values are read as YAML; ``None`` is nothing, as in RecBole.

    Returns
    -------
    dict
        Command line above ``--config_files``.

    Raises
    ------
    UserError
        If an argument is not ``--key=value``, a key stands there twice, or a file cannot be read.
    """
    given: dict[str, Any] = {}
    problems = []
    for argument in arguments:
        key, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or not equals or not key:
            problems.append(f"{argument}: write --key=value")
        elif key in given:
            problems.append(f"--{key}: stands there twice; write it once")
        else:
            try:
                given[key] = _parse_value(key, value)
            except yaml.YAMLError:
                problems.append(f"--{key}={value}: is no YAML value; put quotes around it")
    settings: dict[str, Any] = {}
    for file in given.pop("config_files", None) or []:
        try:
            settings.update(_read_settings(Path(file)))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return {**settings, **given}


# Keys whose values are taken to the letter, and keys whose lists may be written without brackets.
_TEXTS = (
    *("model", "dataset", "data_path", "result_file", "checkpoint_dir", "gpu_id"),
    *("pretrained", "text_encoder", "image_encoder", "image_weights", "image_folder", "feature_cache", "tune"),
)
_LISTS = ("source_datasets", "config_files", "metrics", "modalities", "text_fields", "report")


def _parse_value(key: str, value: str) -> Any:
    if value in ("", "None"):
        return None if value else ""
    if key in _TEXTS:
        return value
    parsed = yaml.load(value, Loader=yaml_loader())
    if key in _LISTS and isinstance(parsed, str):
        return [name for name in parsed.replace(",", " ").split() if name]
    return parsed


def _read_settings(path: Path) -> dict[str, Any]:
    content = read_users_yaml(path, f"--config_files: {path}")
    if not isinstance(content, dict):
        raise UserError([f"--config_files: {path}: must hold lines of key: value"])
    return content


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        Exit status: 0, 1 if training broke off, 2 for a user's mistake, 130 after an interrupt.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0 if arguments else 2
    try:
        settings = parse_arguments(arguments)
        if _is_comparison(settings):
            return _compare(settings)
        runs = run({**settings, "model": asked_models(settings)[0]})
    except UserError as error:
        print(*(f"error: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"error: training broke off: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    effective = effective_settings(runs[0].model, settings)
    print(render(runs, effective["bootstrap_samples"]))
    if effective["result_file"]:
        print(f"\nresults: {effective['result_file']}")
    return 0


def _is_comparison(settings: Mapping[str, Any]) -> bool:
    models = asked_models(settings)
    return (
        len(models) > 1
        or ":" in models[0]
        or settings.get("seeds", 1) != 1
        or bool(settings.get("report") or settings.get("tune"))
    )


def _compare(settings: Mapping[str, Any]) -> int:
    comparison = compare({**settings, "model": asked_models(settings)})
    summary = summarize(comparison)
    print(render_comparison(comparison, summary))
    reports = settings.get("report") or []
    files = [*([reports] if isinstance(reports, str) else reports), settings.get("result_file")]
    for file in filter(None, files):
        write_report(Path(file), comparison, summary)
        print(f"\nreport: {file}")
    return 1 if comparison.failures else 0
