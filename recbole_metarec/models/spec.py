"""The specification of a model: all that the rest of the package asks of it, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recbole_metarec.settings.base import CrossCheck, Settings


def has_sources(settings: Mapping[str, Any]) -> bool:
    """Whether there are sources to learn from, given all settings of a run."""
    return bool(settings.get("source_datasets"))


def _never(settings: Mapping[str, Any]) -> bool:
    return False


@dataclass(frozen=True)
class ModelSpec:
    """What a model is.

    Parameters
    ----------
    name : str
        On the command line; also the name of its class.
    model, trainer : str
        Where the classes are, as ``package.module:Class``; they are imported when they are needed.
    settings : type of Settings
        All settings that it reads.
    scratch : mapping, optional
        Settings that make it learn from the target alone; ``None`` for a model that cannot transfer.
    transfers : callable
        Whether it learns from more than the target, given all settings of a run.
    variants : mapping of str to mapping
        Settings of its named variants.
    presets : mapping of str to str
        Property files of its presets, which lie above its defaults, by name; relative to ``properties/``.
    checks : tuple of CrossCheck
        Of its own settings, beside those of their components.
    reads_features : callable
        Whether it reads texts, pictures and prices of items, given all settings of a run.
    sharing : str, optional
        Where the function is that says, of a model's settings, what domains share of their features, as
        ``package.module:function``: it returns a `Sharing`. By default all share one adapter.
    members : str, optional
        Where the function is that lists, of a configuration, those of the models that it is made of.
    diagnostics : str, optional
        Where the function is that says more of a trained model, as ``package.module:function``: of a trainer, a mapping
        of plain values.
    baseline : str, optional
        The model that is run beside it to show what its memory finds alone.
    unread : tuple of str
        Fields of its settings' components that it does not read.
    item_table : str, optional
        Name of the parameter with a row for each item, padding first; of a model that can begin from a checkpoint of
        other data (``init_from``).
    is_combined : bool
        Whether the mean of its scores and those that it has from scratch is a model, too.
    is_listed : bool
        Whether users can ask for it by name.
    """

    name: str
    model: str
    trainer: str
    settings: type[Settings]
    scratch: Mapping[str, Any] | None = None
    transfers: Callable[[Mapping[str, Any]], bool] = _never
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    presets: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[CrossCheck, ...] = ()
    reads_features: Callable[[Mapping[str, Any]], bool] = _never
    sharing: str | None = None
    members: str | None = None
    diagnostics: str | None = None
    baseline: str | None = None
    unread: tuple[str, ...] = ()
    item_table: str | None = None
    is_combined: bool = True
    is_listed: bool = True

    def every_variant(self) -> dict[str, Mapping[str, Any]]:
        """Return the settings of each variant, ``scratch`` among them."""
        return dict(self.variants) if self.scratch is None else {"scratch": self.scratch, **self.variants}
