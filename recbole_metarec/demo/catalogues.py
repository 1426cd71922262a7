"""What shops sell: titles, categories, prices."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple


class Article(NamedTuple):
    """Something that a shop sells.

    Attributes
    ----------
    title, category : str
    price : float
    """

    title: str
    category: str
    price: float


class Range(NamedTuple):
    """The articles of one category: each kind of each thing.

    Attributes
    ----------
    kinds, things : tuple of str
    price : int
        Of the first of them; the others cost a little more each.
    together : tuple of str
        Categories that go with it.
    is_used_up : bool
        Whether people buy the same again.
    """

    kinds: tuple[str, ...]
    things: tuple[str, ...]
    price: int
    together: tuple[str, ...]
    is_used_up: bool = False


Catalogue = dict[str, Range]

GARDEN: Catalogue = {
    "Seeds": Range(
        ("Tomato", "Basil", "Sunflower", "Lavender", "Bean", "Carrot", "Poppy", "Chive", "Pumpkin", "Radish"),
        ("seeds", "seedlings"),
        2,
        ("Soil", "Pots"),
        is_used_up=True,
    ),
    "Soil": Range(
        ("Rose", "Citrus", "Herb", "Lawn", "Orchid", "Cactus", "Vegetable", "Fern"),
        ("compost", "plant food"),
        6,
        ("Watering",),
        is_used_up=True,
    ),
    "Pots": Range(
        ("Terracotta", "Zinc", "Glazed", "Wicker", "Concrete", "Copper", "Oak", "Clay"),
        ("pot", "window box"),
        12,
        ("Soil", "Seeds"),
    ),
    "Watering": Range(("Brass", "Steel", "Green", "Folding"), ("watering can", "hose", "sprinkler"), 14, ("Tools",)),
    "Tools": Range(("Hand", "Long", "Folding", "Children's"), ("trowel", "fork", "rake", "shears"), 9, ("Seeds",)),
    "Furniture": Range(("Teak", "Rattan", "Bistro", "Folding"), ("chair", "table", "bench"), 60, ("Lights",)),
    "Lights": Range(("Solar", "Copper", "Paper", "Glass"), ("lantern", "string lights", "torch"), 15, ("Furniture",)),
    "Bird feeders": Range(("Window", "Hanging", "Oak", "Steel"), ("feeder", "bath", "nest box"), 11, ("Bird food",)),
    "Bird food": Range(
        ("Robin", "Tit", "Finch", "Winter"),
        ("seed mix", "suet balls", "mealworms"),
        5,
        ("Bird feeders",),
        is_used_up=True,
    ),
}

PARTS: Catalogue = {
    "Brakes": Range(("Front", "Rear", "Left", "Right"), ("brake pads", "brake disc", "brake hose"), 24, ("Wheels",)),
    "Wheels": Range(("Front", "Rear", "Left", "Right"), ("wheel bearing", "wheel bolts", "hub cap"), 15, ("Brakes",)),
    "Engine": Range(
        ("Petrol", "Diesel", "Turbo", "Hybrid"), ("oil filter", "air filter", "gasket", "belt"), 9, ("Cooling",)
    ),
    "Cooling": Range(("Upper", "Lower", "Main", "Spare"), ("radiator hose", "thermostat", "fan"), 18, ("Engine",)),
    "Electrics": Range(("Front", "Rear", "Left", "Right"), ("bulb", "fuse", "switch", "relay"), 4, ("Electrics",)),
    "Body": Range(("Front", "Rear", "Left", "Right"), ("bumper", "mirror", "door seal", "wiper"), 35, ("Body",)),
}


def articles(catalogue: Catalogue) -> Iterator[Article]:
    """List the articles of a catalogue."""
    for category, of_category in catalogue.items():
        for number, (thing, kind) in enumerate(product(of_category.things, of_category.kinds)):
            yield Article(f"{kind} {thing}", category, of_category.price + number // 2 + 0.95)
