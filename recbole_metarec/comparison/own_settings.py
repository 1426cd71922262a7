"""Settings of single models of a comparison: ``--SASRec.epochs=30``, or ``SASRec: {epochs: 30}`` in a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from recbole_metarec.comparison.labels import parse
from recbole_metarec.errors import nearest, shown


def flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Write settings under the name of a model, as property files have them, as keys of their own.

    Parameters
    ----------
    settings : mapping
        ``SASRec: {epochs: 30}``, or ``SASRec.epochs: 30``; names of models begin with a capital.

    Returns
    -------
    dict
        ``SASRec.epochs: 30``, all others as they were.
    """
    flattened: dict[str, Any] = {}
    for name, value in settings.items():
        of_model = isinstance(value, Mapping) and str(name)[:1].isupper()
        flattened.update({f"{name}.{key}": each for key, each in value.items()} if of_model else {name: value})
    return flattened


class OwnSettings(NamedTuple):
    """What is set for single models.

    Attributes
    ----------
    by_name : dict of str to dict
        Their settings by the name that they are written for: a model's for all of its entries, with a preset behind it
        for those of the preset, a label's for that entry alone.
    """

    by_name: dict[str, dict[str, Any]]

    def of(self, label: str) -> dict[str, Any]:
        """Return the settings of an entry; the narrowest name counts."""
        return {key: value for name in _names(label) for key, value in self.by_name.get(name, {}).items()}

    def name_of(self, label: str, key: str) -> str:
        """Return the name under which a setting of an entry stands; empty if it is no setting of its own."""
        return next((name for name in reversed(_names(label)) if key in self.by_name.get(name, ())), "")

    def unused(self, labels: Iterable[str]) -> Iterator[str]:
        """Name the settings that are for none of the entries, one line each."""
        known = {name for label in labels for name in _names(label)}
        for name in self.by_name.keys() - known:
            for key in self.by_name[name]:
                yield f"--{name}.{key}: the comparison has no {name}{nearest(name, known)}"

    def shared(self, keys: Iterable[str]) -> Iterator[str]:
        """Name the settings whose keys are for all models alike, one line each."""
        for key in keys:
            for name, own in self.by_name.items():
                if key in own:
                    yield f"--{name}.{key}: is for all models alike; write {shown(key, own[key])}"

    def said(self) -> list[str]:
        """Say for each name what is set."""
        return [
            f"Set for {name} alone: {', '.join(f'{key}={value}' for key, value in own.items())}"
            for name, own in self.by_name.items()
        ]


def divide(settings: Mapping[str, Any]) -> tuple[dict[str, Any], OwnSettings]:
    """Tell settings for all models from those of single ones.

    Parameters
    ----------
    settings : mapping
        See `flat`.

    Returns
    -------
    for_all : dict
    own : OwnSettings
    """
    for_all: dict[str, Any] = {}
    by_name: dict[str, dict[str, Any]] = {}
    for full, value in flat(settings).items():
        name, _, key = full.rpartition(".")
        (by_name.setdefault(name, {}) if name else for_all)[key] = value
    return for_all, OwnSettings(by_name)


def _names(label: str) -> list[str]:
    """List the names under which settings of an entry may stand, the narrowest last."""
    family, _ = parse(label)
    return [*dict.fromkeys([family.model, family.label(), label])]
