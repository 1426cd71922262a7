"""The commands that use a trained model: recommend, similar."""

from __future__ import annotations

import json
import sys
import warnings
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recbole_metarec.errors import UserError

_LONG = 30  # days

if TYPE_CHECKING:
    from recbole_metarec.inference.recommender import Recommendation, Recommender


@click.command()
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option("--sequence", metavar="A,B,C", help="Item ids of one user, the oldest first.")
@click.option("--input", "source", metavar="FILE", help="Histories of many: .jsonl, .csv or .parquet.")
@click.option("--output", "target", metavar="FILE", help="Where their recommendations go: .jsonl, .csv or .parquet.")
@click.option("-k", "k", type=int, default=10, show_default=True, help="How many items.")
@click.option("--at", metavar="TIME", help="When is asked, as 2014-07-01 or seconds since 1970. [default: now]")
@click.option("--candidates", metavar="A,B,C", help="The only items to choose from; @FILE has one on each line.")
@click.option("--exclude", metavar="A,B,C", help="Items that are left out; @FILE has one on each line.")
@click.option("--keep-seen", is_flag=True, help="Recommend items of the sequence, too, if the model does.")
@click.option("--unknown", type=click.Choice(["skip", "raise"]), default="skip", help="What becomes of unknown ids.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recommend(checkpoint: str, sequence: str | None, source: str | None, target: str | None, **options: Any) -> int:
    """Recommend what comes next: for a sequence of item ids, or for a file of histories."""
    problems = []
    if (sequence is None) == (source is None):
        problems.append("recommend: write --sequence=A,B,C for one user, or --input=FILE --output=FILE for many")
    elif (source is None) != (target is None):
        problems.append("recommend: --input and --output belong together; name both files")
    if options["k"] < 1:
        problems.append(f"-k {options['k']}: must be a whole number, 1 or more")
    if problems:
        raise UserError(problems)
    asked = {
        "exclude_seen": not options["keep_seen"],
        "candidates": _ids(options["candidates"], "candidates"),
        "exclude": _ids(options["exclude"], "exclude"),
        "at": _time(options["at"]),
        "unknown": options["unknown"],
    }
    if source is not None and target is not None:
        return _recommend_file(checkpoint, Path(source), Path(target), options["k"], asked, options["at"] is not None)
    rec = _load(checkpoint)
    if options["at"] is None:
        _tell_of_a_gap(rec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (answer,) = rec.recommend([_ids(sequence, "sequence")], options["k"], **asked)
    _tell_unknown(rec.n_unknown)
    _show(rec, answer, options["as_json"])
    return 0


@click.command()
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.argument("items", metavar="ITEM,...")
@click.option("-k", "k", type=int, default=10, show_default=True, help="How many for each.")
@click.option("--across", type=click.Choice(["source"]), help="Items of the source domains instead, as domain/id.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def similar(checkpoint: str, items: str, k: int, across: str | None, as_json: bool) -> int:
    """Find items that are alike."""
    names = _ids(items, "items") or []
    rec = _load(checkpoint)
    answers = rec.similar(names, k, across)
    if as_json:
        from recbole_metarec.inference.answer_files import titled

        click.echo(
            json.dumps(
                {
                    name: [titled(each, rec.titles) for each in answer]
                    for name, answer in zip(names, answers, strict=True)
                }
            )
        )
        return 0
    for name, answer in zip(names, answers, strict=True):
        if len(names) > 1:
            click.echo(f"{rec.titles.get(name, '')} {name}".strip())
        _show(rec, answer, False)
    return 0


def _load(checkpoint: str) -> Recommender:
    from recbole_metarec.inference.recommender import load

    return load(checkpoint)


def _recommend_file(
    checkpoint: str, source: Path, target: Path, k: int, options: dict[str, Any], when_is_said: bool
) -> int:
    from recbole_metarec.inference.answer_files import recommend_file

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rec = _load(checkpoint)
        if not when_is_said:
            _tell_of_a_gap(rec)
        done = recommend_file(rec, source, target, k, **options)
    _tell_unknown(done.n_unknown)
    print(f"{target}: recommendations for {done.n_users:,} users")
    return 0


def _ids(text: str | None, option: str) -> list[str] | None:
    """Read ids with commas between them, or the lines of a file that is named behind an @."""
    if text is None:
        return None
    if not text.startswith("@"):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return [line for line in Path(text[1:]).read_text(encoding="utf-8").splitlines() if line]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError([f"--{option}={text}: cannot be read: {error}"]) from error


def _time(text: str | None) -> float:
    from recbole_metarec.inference.times import seconds_of

    return seconds_of(text, "--at")


def _tell_of_a_gap(rec: Recommender) -> None:
    """Say so if what is asked now lies long behind all that is known."""
    if rec.last_day is not None and (date.today() - rec.last_day).days > _LONG:
        behind = rec.last_day + timedelta(1)
        print(
            f"the data end on {rec.last_day}, and now is long behind them; --at={behind} asks as on the day after",
            file=sys.stderr,
        )


def _tell_unknown(number: int) -> None:
    if number:
        print(f"{number:,} unknown item id{'s' * (number > 1)} skipped", file=sys.stderr)


def _show(rec: Recommender, answer: list[Recommendation], as_json: bool) -> None:
    titles = rec.titles
    if as_json:
        from recbole_metarec.inference.answer_files import titled

        click.echo(json.dumps([titled(each, titles) for each in answer]))
        return
    from tabulate import tabulate

    header = ["rank", "item", "score", *(["title"] if titles else [])]
    rows = [
        [str(each.rank), each.item_id, f"{each.score:.4f}", *([titles.get(each.item_id, "")] if titles else [])]
        for each in answer
    ]
    click.echo(tabulate(rows, header, disable_numparse=True) if rows else "nothing is left to recommend")
