"""The commands of the Amazon loader: prepare, download, import, list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from recbole_metarec.cli.cards import show_card
from recbole_metarec.cli.flags import Flags, check_flags, split_places, truth
from recbole_metarec.cli.help import Group, Section, command, row
from recbole_metarec.errors import UserError, noting

if TYPE_CHECKING:
    from recbole_metarec.amazon.vintages import Kind, Vintage


class _Loader(Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("what was there is unchanged") from None


@click.group(cls=_Loader)
def amazon() -> None:
    """Turn the public Amazon datasets into atomic files."""


_OF_PREPARE = ("meta", "name", "output", "vintage", "category", "raw_path", "kind", "preset", "overwrite")


def _of_prepare(arguments: Sequence[str]) -> Iterator[Section]:
    from recbole_metarec.amazon.options import PRESETS, Options
    from recbole_metarec.settings.base import documented

    yield (
        "Input and output",
        [
            ("REVIEWS", "A raw dump of 2014, 2018 or 2023, compressed or not; its content tells which."),
            ("--meta", "The dump of metadata that belongs to it."),
            ("--vintage --category", "Download both instead, as in --vintage=2018 --category=Gift_Cards."),
            ("--raw_path", "Folder that downloads go to. [default: raw]"),
            ("--kind", "With --category: reviews, 5core or ratings. [default: what the preset's papers use]"),
            ("--name", "Of the dataset. [default: RecBole's name for the category]"),
            ("--output", "Folder that datasets go to. [default: dataset]"),
            ("--overwrite", "Replace files that this command did not write. [default: False]"),
        ],
    )
    yield "Presets", [("--preset", f"{', '.join(PRESETS)}: start from the choices of these papers. [default: raw]")]
    yield "Options", [("--k_core", "Sets user_core and item_core."), *map(row, documented(Options))]


@command(_of_prepare, "REVIEWS|--vintage=2018 --category=Gift_Cards [--meta=META] [--key=value ...]")
def prepare(arguments: Sequence[str]) -> int:
    """Turn a raw dump into .inter, .item, a card and a README."""
    from recbole_metarec.amazon import convert
    from recbole_metarec.amazon.options import OPTION_NAMES, PRESETS, make_options
    from recbole_metarec.amazon.vintages import find_vintage

    places, flags = split_places(arguments)
    preset = flags.get("preset", "raw")
    wanted = {key: value for key, value in flags.items() if key in (*OPTION_NAMES, "k_core")}
    problems: list[str] = []
    with noting(problems):
        check_flags(places, flags, 1, (*_OF_PREPARE, *OPTION_NAMES, "k_core"))
    with noting(problems):
        options = make_options(preset, **wanted)
    with noting(problems):
        overwrite = truth(flags, "overwrite")
    with noting(problems):
        vintage = find_vintage(flags["vintage"]) if "vintage" in flags else None
        category = _category(places, flags, vintage)
    given = [*places[:1], *([flags["meta"]] if "meta" in flags else [])]
    problems += [f"{path}: no such file" for path in given if not Path(path).is_file()]
    if problems:
        raise UserError(problems)
    if category and vintage:
        places = _fetch_inputs(vintage, category, PRESETS[preset].kind, flags)
    card = convert.prepare(
        places[0],
        flags.get("meta"),
        name=flags.get("name"),
        output=flags.get("output", "dataset"),
        vintage=vintage,
        preset=preset,
        options=options,
        overwrite=overwrite,
        progress=True,
    )
    show_card(card, Path(flags.get("output", "dataset")))
    return 0


def _fetch_inputs(vintage: Vintage, category: str, kind: Kind, flags: Flags) -> list[str]:
    kinds = [flags.get("kind") or kind, *([] if "meta" in flags else ["meta"])]
    reviews, *meta = _download(vintage, category, kinds, flags)
    from recbole_metarec.amazon.vintages import dataset_name

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
        from recbole_metarec.amazon.vintages import find_category

        return find_category(flags["category"], vintage)
    if not places:
        raise UserError(["REVIEWS: is missing; give a raw file, or --vintage and --category to download one"])
    return None


def _download(vintage: Vintage, category: str, kinds: Sequence[str], flags: Flags) -> list[Path]:
    from recbole_metarec.amazon import fetch
    from recbole_metarec.amazon.vintages import KINDS

    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise UserError([f"kind: {kind!r} is none; write one of {', '.join(KINDS)}" for kind in unknown])
    raw_path = flags.get("raw_path", "raw")
    return fetch.download(vintage, category, cast("Sequence[Kind]", kinds), raw_path=raw_path, progress=True)


def _of_download(arguments: Sequence[str]) -> Iterator[Section]:
    yield (
        "Options",
        [
            ("--vintage", "2014, 2018 or 2023."),
            ("--category", "As `recbole-metarec amazon list` spells it."),
            ("--kind", "Which files: ratings, reviews, 5core, meta, several with commas. [default: ratings,meta]"),
            ("--raw_path", "Folder that they go to. [default: raw]"),
        ],
    )


@command(_of_download, "--vintage=2018 --category=Gift_Cards [--kind=ratings,meta] [--raw_path=raw]")
def download(arguments: Sequence[str]) -> int:
    """Download the public files of a category."""
    from recbole_metarec.amazon.vintages import find_category, find_vintage

    places, flags = split_places(arguments)
    check_flags(places, flags, 0, ("vintage", "category", "kind", "raw_path"), ("vintage", "category"))
    vintage = find_vintage(flags["vintage"])
    category = find_category(flags["category"], vintage)
    for path in _download(vintage, category, flags.get("kind", "ratings,meta").split(","), flags):
        print(f"{path}  {path.stat().st_size:,} bytes")
    return 0


def _of_import(arguments: Sequence[str]) -> Iterator[Section]:
    yield (
        "Options",
        [
            ("FOLDER or TEXT", "A folder of UniSRec or of the Amazon-2023 benchmark, or a text of SASRec or P5."),
            ("--name", "Of the dataset."),
            ("--output", "Folder that datasets go to. [default: dataset]"),
            ("--overwrite", "Replace files that this command did not write. [default: False]"),
        ],
    )


@command(_of_import, "FOLDER|TEXT --name=NAME [--output=dataset] [--overwrite=False]")
def import_(arguments: Sequence[str]) -> int:
    """Turn a split that others published into a dataset, as it is."""
    from recbole_metarec.amazon.published import import_split

    places, flags = split_places(arguments)
    check_flags(places, flags, 1, ("name", "output", "overwrite"), ("name",))
    if not places:
        raise UserError(["FOLDER or TEXT: is missing; give the folder or file of the split"])
    output = flags.get("output", "dataset")
    show_card(import_split(places[0], flags["name"], output=output, overwrite=truth(flags, "overwrite")), Path(output))
    return 0


def _of_list(arguments: Sequence[str]) -> Iterator[Section]:
    yield "Options", [("--vintage", "2014, 2018 or 2023. [default: all]")]


@command(_of_list, "[--vintage=2018]")
def list_(arguments: Sequence[str]) -> int:
    """List the categories, RecBole's names for them, and where their files are."""
    from recbole_metarec.amazon.vintages import ADDRESSES, CATEGORIES, VINTAGES, dataset_name, find_vintage

    places, flags = split_places(arguments)
    check_flags(places, flags, 0, ("vintage",))
    for vintage in [find_vintage(flags["vintage"])] if "vintage" in flags else VINTAGES:
        print(f"{vintage}: {len(CATEGORIES[vintage])} categories")
        for kind, url in ADDRESSES[vintage].items():
            print(f"  {kind:<8} {url.format('<category>')}")
        for category in CATEGORIES[vintage]:
            print(f"  {category:<28} {dataset_name(category, vintage)}")
    return 0


for subcommand in (prepare, download, import_, list_):
    amazon.add_command(subcommand)
