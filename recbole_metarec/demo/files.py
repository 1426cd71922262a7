"""A world as atomic files, with the settings that ask what it was made for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from recbole_metarec.datasets.fields import FIELDS
from recbole_metarec.datasets.output import Card, check_place, dataset_files, finish
from recbole_metarec.demo.shops import Shop, Trade
from recbole_metarec.demo.world import World, date_of
from recbole_metarec.domains.clock import DAY
from recbole_metarec.errors import UserError, noting
from recbole_metarec.files import why_not_written, write_text

SETTINGS = "settings.yaml"
REPORT = "report.html"
_EPOCH = date(1970, 1, 1)
_OF_ITEMS = ("item_id", "title", "categories", "price")


def write_world(world: World, folder: Path, overwrite: bool = False) -> list[Card]:
    """Write the shops of a world, and settings beside them.

    Parameters
    ----------
    world : World
    folder : Path
        Made if it lacks; each shop has a folder in it.
    overwrite : bool
        Whether to replace files that were changed since.

    Returns
    -------
    list of dict
        The cards of the shops, the target's first.

    Raises
    ------
    UserError
        If a file must not be replaced or cannot be written: all of it.
    """
    problems = [f"{folder}: cannot be written, {why}" for why in [why_not_written(folder)] if why]
    trades = [world.young, *world.sources]
    for trade in trades:
        with noting(problems):
            check_place(folder, trade.shop.name, overwrite)
    if problems:
        raise UserError(problems)
    cards = [_write(trade, world.seed, folder, overwrite) for trade in trades]
    write_text(folder / SETTINGS, [*_settings(world, folder)])
    return cards


def user_id(shop: Shop, customer: int) -> str:
    """Return the id of a customer."""
    return f"{shop.name}-{customer}"


def item_id(shop: Shop, article: int) -> str:
    """Return the id of an article, which is another one in each shop."""
    return f"{shop.name[0].upper()}{article}"


def _write(trade: Trade, seed: int, folder: Path, overwrite: bool) -> Card:
    shop = trade.shop
    inter, items = _interactions(trade), _items(trade)
    card: Card = {"name": shop.name, "seed": seed, "interactions": len(inter) - 1, "items": len(items) - 1}
    with dataset_files(folder, shop.name, ("inter", "item"), overwrite) as files:
        for suffix, lines in (("inter", inter), ("item", items)):
            files[suffix].write("".join(f"{line}\n" for line in lines).encode())
        return finish(files, shop.name, card, _readme(shop, seed))


def _interactions(trade: Trade) -> list[str]:
    shop, lines = trade.shop, ["user_id:token\titem_id:token\ttimestamp:float"]
    for each in trade.purchases:
        midnight = (date_of(each.day) - _EPOCH).days * DAY
        cells = (user_id(shop, each.customer), item_id(shop, each.article), str(midnight + each.second))
        lines.append("\t".join(cells))
    return lines


def _items(trade: Trade) -> list[str]:
    lines = ["\t".join(f"{field}:{FIELDS[field]}" for field in _OF_ITEMS)]
    for number, article in enumerate(trade.articles):
        cells = (item_id(trade.shop, number), article.title, article.category, f"{article.price:.2f}")
        lines.append("\t".join(cells))
    return lines


def _readme(shop: Shop, seed: int) -> list[str]:
    return [
        f"# {shop.name}",
        "",
        f"Made by `recbole-metarec demo --seed={seed}`: nobody has ever bought anything here.",
        "",
        f"- What is added to a purchase goes with it in {shop.together} of 100 cases.",
        f"- Of all others {shop.fashion} in 100 are in fashion that fortnight,",
        f"  and {shop.again} replace what is used up, if anything is.",
    ]


def _settings(world: World, folder: Path) -> Iterator[str]:
    """Give the lines of a file for ``--config_files``."""
    yield "# What the command line says counts more."
    yield f"data_path: {json.dumps(f'{folder}/')}"
    yield f"dataset: {world.young.shop.name}"
    yield f"source_datasets: [{', '.join(trade.shop.name for trade in world.sources)}]"
    yield "# Learnt from is what was bought before the first date, tested what was bought from the second on."
    yield f"eval_args: {{split: {{time: {json.dumps(world.points)}}}, order: TO, mode: full}}"
    yield "# Compost and bird food are bought again, of which so young a shop has seen little."
    yield "repeat_items: true"
    yield "# What was bought between the dates is too little to choose a model by."
    yield "deliver: transfer"
    yield f"checkpoint_dir: {json.dumps(f'{folder}/saved')}"
    yield f"comparison_folder: {json.dumps(f'{folder}/saved/comparison')}"
