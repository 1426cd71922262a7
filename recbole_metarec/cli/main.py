"""The command line: arguments to settings, results to text, mistakes to one line each."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from recbole_metarec.comparison.compare import compare
from recbole_metarec.comparison.entries import asked_models
from recbole_metarec.comparison.report_file import write_report
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.comparison.text_report import text_report
from recbole_metarec.errors import UserError
from recbole_metarec.files import what_failed
from recbole_metarec.runs.report import run_report, write_json
from recbole_metarec.runs.run import checked, delivery, make_runs
from recbole_metarec.settings.users_yaml import parse_yaml, read_users_yaml

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
  --resume=x.pth            go on from a checkpoint of the same model, target and sources
  --allow_pickle=True       read what RecBole pickled, too: such a file can run any code

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
            except ValueError as error:
                problems.append(f"{argument}: is no YAML value ({error}); for a text, write --{key}='\"{value}\"'")
    settings: dict[str, Any] = {}
    files = given.pop("config_files", None) or []
    for file in files if isinstance(files, list) else [files]:
        try:
            settings.update(_read_settings(Path(str(file))))
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    settings.update(given)
    for key in _SEPARATORS:
        if settings.get(key) == r"\t":
            settings[key] = "\t"
    return settings


# Keys whose values are taken to the letter, and keys whose lists may be written without brackets.
_SEPARATORS = ("field_separator", "seq_separator")
_TEXTS = (
    *("model", "dataset", "data_path", "result_file", "checkpoint_dir", "gpu_id", "encoding", *_SEPARATORS),
    *(
        "pretrained",
        "text_encoder",
        "image_encoder",
        "image_weights",
        "image_folder",
        "feature_cache",
        "tune",
        "resume",
    ),
    *(f"{counted}_num_interval" for counted in ("user_inter", "item_inter", "entity_kg", "relation_kg")),
)
_FILES = ("config_files", "report")  # whose names may have blanks
_LISTS = ("source_datasets", "metrics", "modalities", "text_fields", *_FILES)


def _parse_value(key: str, value: str) -> Any:
    if value in ("", "None"):
        return None if value else ""
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    if key in _TEXTS and not quoted:
        return None if value == "~" and key not in _SEPARATORS else value
    parsed = parse_yaml(value)
    if key in _LISTS and isinstance(parsed, str):
        names = parsed.split(",") if key in _FILES else parsed.replace(",", " ").split()
        return [name.strip() for name in names if name.strip()]
    return parsed


def _read_settings(path: Path) -> dict[str, Any]:
    content = read_users_yaml(path, f"--config_files: {path}")
    if not isinstance(content, dict):
        raise UserError([f"--config_files: {path}: must hold lines of key: value"])
    if "config_files" in content:
        raise UserError(
            [f"--config_files: {path}: config_files has no part in a file; name all on the command line, with commas"]
        )
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
    threading.excepthook = _tell_of_thread
    try:
        settings = parse_arguments(arguments)
        if _is_comparison(settings):
            return _compare(settings)
        return _run({**settings, "model": asked_models(settings)[0]})
    except UserError as error:
        print(*(f"error: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"error: training broke off: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {what_failed(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        print("; ".join(["interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        return 130


_stock_excepthook: Any = threading.excepthook


def _tell_of_thread(failed: threading.ExceptHookArgs) -> None:
    """Leave a full disk to the main thread, to which tensorboard's writer hands it on."""
    if not issubclass(failed.exc_type, OSError):
        _stock_excepthook(failed)


def _is_comparison(settings: Mapping[str, Any]) -> bool:
    models = asked_models(settings)
    return (
        len(models) > 1
        or ":" in models[0]
        or settings.get("seeds", 1) != 1
        or bool(settings.get("report") or settings.get("tune"))
    )


def _run(settings: Mapping[str, Any]) -> int:
    resolved = checked(settings)
    runs, file, samples = make_runs(resolved), resolved["result_file"], resolved["bootstrap_samples"]
    to_use = delivery(resolved, runs)
    steps = [(f"\nresults: {file}", partial(write_json, Path(file), runs, samples, to_use))] if file else []
    return _show(run_report(runs, samples, to_use), steps)


def _show(text: str, files: Sequence[tuple[str, Callable[[], None]]]) -> int:
    """Print what was found, then write it to files; what cannot be written costs only itself."""
    steps: list[tuple[str, Callable[[], None]]] = [(text, lambda: None), *files]
    failures = []
    for said, write in steps:
        try:
            write()
            print(said, flush=True)
        except OSError as error:
            error.filename = error.filename or "standard output"
            failures.append(f"error: {what_failed(error)}")
    print(*dict.fromkeys(failures), sep="\n", end="\n" * bool(failures), file=sys.stderr)
    return int(bool(failures))


def _compare(settings: Mapping[str, Any]) -> int:
    models = asked_models(settings)
    try:
        comparison = compare({**settings, "model": models})
    except KeyboardInterrupt:
        raise KeyboardInterrupt("the same command goes on with the runs that have ended") from None
    summary = summarize(comparison)
    reports = settings.get("report") or []
    files = [*([reports] if isinstance(reports, str) else reports), settings.get("result_file")]
    steps = [(f"\nreport: {file}", partial(write_report, Path(file), comparison, summary)) for file in files if file]
    return _show(text_report(comparison, summary), steps) or int(bool(comparison.failures))
