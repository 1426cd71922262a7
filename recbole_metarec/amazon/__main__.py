"""The command line: ``python -m recbole_metarec.amazon prepare|download|import|list --key=value ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import cast

from recbole_metarec.amazon.convert import prepare
from recbole_metarec.amazon.fetch import download
from recbole_metarec.amazon.options import OPTION_NAMES, PRESETS, make_options
from recbole_metarec.amazon.output import Card
from recbole_metarec.amazon.published import import_split
from recbole_metarec.amazon.vintages import (
    ADDRESSES,
    CATEGORIES,
    KINDS,
    VINTAGES,
    Kind,
    Vintage,
    dataset_name,
    find_category,
    find_vintage,
)
from recbole_metarec.errors import UserError

USAGE = """\
python -m recbole_metarec.amazon prepare REVIEWS [--meta=META] [--name=NAME] [--output=dataset] [options]
python -m recbole_metarec.amazon prepare --vintage=2018 --category=Gift_Cards [--raw_path=raw] [options]
python -m recbole_metarec.amazon download --vintage=2018 --category=Gift_Cards [--kind=ratings,meta]
python -m recbole_metarec.amazon import FOLDER|TEXT --name=NAME [--output=dataset]
python -m recbole_metarec.amazon list [--vintage=2018]

prepare: a raw dump of 2014, 2018 or 2023, compressed or not, becomes .inter, .item, a card and a README
  --preset=raw           raw | unisrec | sasrec | p5: start from the choices of these papers
  --k_core=0             least interactions of a user and of an item; --user_core and --item_core set them apart
  --k_core_passes=0      0 filters to the fixed point; 1 is SASRec's single pass
  --dedup=none           none | exact | first | last: which of repeated interactions stay
  --min_rating=0         lowest rating kept
  --require_meta=False   drop items without metadata
  --after= --before=     time range: dates such as 2016-01-31, or numbers in the source's unit
  --max_bad=0.01         largest share of unreadable lines
  --max_text=2000        most characters of a text; --long_text=cut | drop is what becomes of longer ones
  --max_images=4         most image addresses of an item
  --categories=words     words | tokens: tokens joins a category's words by underscores
  --kind=                with --category: reviews | 5core | ratings; by default what the preset's papers use
  --overwrite=False      replace files that this command did not write
"""

Flags = dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a user's mistakes go to stderr, one line each.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0, or 2 after a mistake, or 130 if interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or {"-h", "--help"} & set(words):
        print(USAGE, end="")
        return 0 if words else 2
    try:
        if words[0] not in COMMANDS:
            raise UserError([f"{words[0]}: no such command; write one of {', '.join(COMMANDS)}"])
        COMMANDS[words[0]](*_split(words[1:]))
    except UserError as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was there is unchanged", file=sys.stderr)
        return 130
    return 0


def _split(words: Sequence[str]) -> tuple[list[str], Flags]:
    places, flags, problems = [], Flags(), []
    for word in words:
        key, equals, value = word.removeprefix("--").partition("=")
        if not word.startswith("-"):
            places.append(word)
        elif not word.startswith("--") or not equals:
            problems.append(f"{word}: write --key=value")
        elif key in flags:
            problems.append(f"--{key}: given twice")
        else:
            flags[key] = value
    if problems:
        raise UserError(problems)
    return places, flags


def _check(
    places: Sequence[str], flags: Flags, n_places: int, known: Sequence[str], needed: Sequence[str] = ()
) -> None:
    problems = [f"{place}: one argument too many" for place in places[n_places:]]
    for key in flags.keys() - set(known):
        close = get_close_matches(key, known, n=1)
        hint = f"did you mean --{close[0]}?" if close else f"there are --{', --'.join(known)}"
        problems.append(f"--{key}: no such flag; {hint}")
    problems += [f"--{key}: is missing" for key in needed if not flags.get(key)]
    if problems:
        raise UserError(sorted(problems))


_OF_PREPARE = ("meta", "name", "output", "vintage", "category", "raw_path", "kind", "preset", "overwrite")


def _prepare(places: list[str], flags: Flags) -> None:
    preset = flags.get("preset", "raw")
    wanted = {key: value for key, value in flags.items() if key in (*OPTION_NAMES, "k_core")}
    problems: list[str] = []
    with _noting(problems):
        _check(places, flags, 1, (*_OF_PREPARE, *OPTION_NAMES, "k_core"))
    with _noting(problems):
        options = make_options(preset, **wanted)
    with _noting(problems):
        overwrite = _truth(flags, "overwrite")
    with _noting(problems):
        vintage = find_vintage(flags["vintage"]) if "vintage" in flags else None
        category = _category(places, flags, vintage)
    given = [*places[:1], *([flags["meta"]] if "meta" in flags else [])]
    problems += [f"{path}: no such file" for path in given if not Path(path).is_file()]
    if problems:
        raise UserError(problems)
    if category and vintage:
        places = _fetch_inputs(vintage, category, PRESETS[preset].kind, flags)
    card = prepare(
        places[0],
        flags.get("meta"),
        name=flags.get("name"),
        output=flags.get("output", "dataset"),
        vintage=vintage,
        preset=preset,
        options=options,
        overwrite=overwrite,
        progress=sys.stderr.isatty(),
    )
    _show(card, Path(flags.get("output", "dataset")))


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    """Go on after a mistake, so that all of them are named at once."""
    try:
        yield
    except UserError as error:
        problems += error.problems


def _fetch_inputs(vintage: Vintage, category: str, kind: Kind, flags: Flags) -> list[str]:
    kinds = [flags.get("kind") or kind, *([] if "meta" in flags else ["meta"])]
    reviews, *meta = _download(vintage, category, kinds, flags)
    flags.setdefault("name", dataset_name(category, vintage))
    if meta:
        flags["meta"] = str(meta[0])
    return [str(reviews)]


def _category(places: Sequence[str], flags: Flags, vintage: Vintage | None) -> str | None:
    if "category" in flags and places:
        raise UserError(
            [f"--category: leave it out, {places[0]} is given; or leave that out and the file is downloaded"]
        )
    if "category" in flags:
        if vintage is None:
            raise UserError(["--vintage: is missing; with --category it says which collection to download"])
        return find_category(flags["category"], vintage)
    if not places:
        raise UserError(["REVIEWS: is missing; give a raw file, or --vintage and --category to download one"])
    return None


def _truth(flags: Flags, key: str) -> bool:
    if flags.get(key, "False").lower() not in ("true", "false"):
        raise UserError([f"{key}: {flags[key]!r} must be True or False"])
    return flags.get(key, "False").lower() == "true"


def _download(vintage: Vintage, category: str, kinds: Sequence[str], flags: Flags) -> list[Path]:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise UserError([f"kind: {kind!r} is none; write one of {', '.join(KINDS)}" for kind in unknown])
    raw_path = flags.get("raw_path", "raw")
    return download(vintage, category, cast(Sequence[Kind], kinds), raw_path=raw_path, progress=True)


def _run_download(places: list[str], flags: Flags) -> None:
    _check(places, flags, 0, ("vintage", "category", "kind", "raw_path"), ("vintage", "category"))
    vintage = find_vintage(flags["vintage"])
    category = find_category(flags["category"], vintage)
    for path in _download(vintage, category, flags.get("kind", "ratings,meta").split(","), flags):
        print(f"{path}  {path.stat().st_size:,} bytes")


def _import(places: list[str], flags: Flags) -> None:
    _check(places, flags, 1, ("name", "output", "overwrite"), ("name",))
    if not places:
        raise UserError(["FOLDER or TEXT: is missing; give the folder or file of the split"])
    output = flags.get("output", "dataset")
    _show(import_split(places[0], flags["name"], output=output, overwrite=_truth(flags, "overwrite")), Path(output))


def _list(places: list[str], flags: Flags) -> None:
    _check(places, flags, 0, ("vintage",))
    for vintage in [find_vintage(flags["vintage"])] if "vintage" in flags else VINTAGES:
        print(f"{vintage}: {len(CATEGORIES[vintage])} categories")
        for kind, url in ADDRESSES[vintage].items():
            print(f"  {kind:<8} {url.format('<category>')}")
        for category in CATEGORIES[vintage]:
            print(f"  {category:<28} {dataset_name(category, vintage)}")


def _show(card: Card, output: Path) -> None:
    print(card["name"])
    width = max(len(step["step"]) for step in card["counts"])
    for step in card["counts"]:
        print(f"  {step['step']:<{width}}  {_numbers(step)}")
    for source in card["sources"]:
        bad = source.get("bad_lines", {})
        if bad:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in bad.items())
            print(f"  {source['file']}: {sum(bad.values()):,} of {source['lines']:,} lines left out: {reasons}")
            print(*(f"    {example}" for example in source["bad_examples"]), sep="\n")
    metadata = card.get("metadata")
    if metadata:
        shares = ", ".join(f"{name} {coverage['share']:.0%}" for name, coverage in metadata["coverage"].items())
        print(f"  items with {shares}; {metadata['prices_rejected']:,} prices unreadable")
    for name, file in card["files"].items():
        print(f"  {output / card['name'] / name}  {file['bytes']:,} bytes")


def _numbers(step: dict[str, int]) -> str:
    return ", ".join(f"{step[key]:>10,} {key}" for key in ("users", "items", "interactions"))


COMMANDS: dict[str, Callable[[list[str], Flags], None]] = {
    "prepare": _prepare,
    "download": _run_download,
    "import": _import,
    "list": _list,
}

if __name__ == "__main__":
    sys.exit(main())
