"""How a raw file is laid out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recbole_metarec.amazon.vintages import Vintage


@dataclass(frozen=True)
class Layout:
    """How a raw file is laid out.

    Parameters
    ----------
    vintage : int
        2014, 2018 or 2023.
    role : str
        ``reviews`` (JSON), ``ratings`` (comma separated) or ``metadata`` (JSON).
    keys : tuple of str
        Where user, item, rating and timestamp stand; of metadata, where the item stands.
    columns : tuple of str
        Column names of comma separated text, in order.
    header : bool
        Whether the first line names the columns.
    """

    vintage: Vintage
    role: Literal["reviews", "ratings", "metadata"]
    keys: tuple[str, ...]
    columns: tuple[str, ...] = ()
    header: bool = False

    @property
    def csv(self) -> bool:
        """Whether the file is comma separated."""
        return bool(self.columns)

    @property
    def time_unit(self) -> str:
        """Unit of timestamps: ``ms`` in 2023, ``s`` before."""
        return "ms" if self.vintage == 2023 else "s"

    def __str__(self) -> str:
        return f"{self.vintage} {self.role}"
