"""The command that makes a dataset of a table of one's own."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from recbole_metarec.cli.cards import show_card
from recbole_metarec.cli.flags import check_flags, split_places, truth
from recbole_metarec.cli.help import Section, command, row
from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.errors import UserError, noting

_NEEDED = ("user", "item", "time")
_ITEM_FIELDS = tuple(field for field in FIELDS if field != "item_id")
_KNOWN = (*_NEEDED, "rating", "items", "items_id", *_ITEM_FIELDS, "output", "overwrite")


def _of_convert(arguments: Sequence[str]) -> Iterator[Section]:
    from recbole_metarec.conversion.options import Options
    from recbole_metarec.settings.base import documented

    yield (
        "Input and output",
        [
            ("DATA", "CSV, TSV or JSON lines, each also as .gz, or parquet: a row for each interaction."),
            ("--user --item --time", "Its columns of users, items and times."),
            ("--rating", "Its column of ratings, if it has one that you want."),
            ("--items", "A table of items, of the same formats. [default: DATA]"),
            ("--items_id", "Its column of ids. [default: as --item]"),
            (f"--{' --'.join(_ITEM_FIELDS)}", "Its columns of these, as many as you want."),
            ("--output", "Folder of the dataset, which is named after it. [default: dataset/, and DATA's name]"),
            ("--overwrite", "Replace files that this command did not write. [default: False]"),
        ],
    )
    yield "Options", [("--core", "Sets user_core and item_core."), *map(row, documented(Options))]


@command(_of_convert, "DATA --user=COLUMN --item=COLUMN --time=COLUMN [--key=value ...]")
def convert(arguments: Sequence[str]) -> int:
    """Turn a table of your own into .inter, .item, a card and a README.

    Dates may be in any usual form. Whatever is wrong with the table is named before anything is written.
    """
    from recbole_metarec.conversion.options import OPTION_NAMES, make_options

    places, flags = split_places(arguments)
    problems: list[str] = [] if places else ["DATA: is missing; give the file of interactions"]
    with noting(problems):
        check_flags(places, flags, 1, (*_KNOWN, *OPTION_NAMES), _NEEDED)
    with noting(problems):
        options = make_options(**{key: value for key, value in flags.items() if key in OPTION_NAMES})
    with noting(problems):
        overwrite = truth(flags, "overwrite")
    if problems:
        raise UserError(problems)
    from recbole_metarec.conversion.dataset import convert

    card = convert(
        places[0],
        user=flags["user"],
        item=flags["item"],
        time=flags["time"],
        rating=flags.get("rating"),
        items=flags.get("items"),
        items_id=flags.get("items_id"),
        fields={field: flags[field] for field in _ITEM_FIELDS if field in flags},
        output=flags.get("output"),
        options=options,
        overwrite=overwrite,
    )
    folder = Path(flags["output"]).parent if "output" in flags else Path("dataset")
    show_card(card, folder)
    times = card["timestamps"]
    print(f"  times: {times['what']}", *[f"  {times['warning']}"] * bool(times["warning"]), sep="\n")
    print(_next(folder, card["name"]))
    return 0


def _next(folder: Path, name: str) -> str:
    """Say how MetaRec runs on a dataset and those beside it: the smallest is the target, the others are sources."""
    from recbole_metarec.datasets.output import CARD_SUFFIX

    cards = {path.parent.name for path in folder.glob(f"*/*.{CARD_SUFFIX}")}  # of the loaders, not of the demonstration
    target = min({*cards, name}, key=lambda each: ((folder / each / f"{each}.inter").stat().st_size, each))
    beside = sorted({*cards, name} - {target})
    sources = ",".join(beside) or "OTHER,DOMAINS"
    words = ["recbole-metarec", "run", "--model=MetaRec", f"--data_path={folder}/", f"--dataset={target}"]
    what = "Next, if others may help the smallest" if beside else "Next, once domains that may help are converted, too"
    return f"{what}:\n  {shlex.join([*words, f'--source_datasets={sources}'])}"
