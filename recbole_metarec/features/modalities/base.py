"""What a modality is: columns of ``.item`` files or files beside them, and how they become numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.features.features import Categories, Form, Values, Vectors
from recbole_metarec.features.item_files import ItemFiles
from recbole_metarec.features.text import TextSpace
from recbole_metarec.features.vectors import mean_norm, read_vectors, unit_norm
from recbole_metarec.settings.features import FeatureSettings


@dataclass(frozen=True, eq=False)
class Sharing:
    """What domains have in common.

    Parameters
    ----------
    shared : bool
        Whether all domains share one adapter of features.
    text_space : TextSpace, optional
        The space of all texts; without it, it is learnt from the suite.
    """

    shared: bool = True
    text_space: TextSpace | None = None


@dataclass(frozen=True, eq=False)
class SuiteItems:
    """The items of a suite.

    Parameters
    ----------
    target : str
        Name of the target domain.
    sources : sequence of str
        Names of the source domains.
    trained : sequence of str
        Items of the target's training part: others have no part in what is learnt of features.
    sharing : Sharing
    files : ItemFiles
    cells : callable
        From the name of a domain to the cells of its ``.item`` file, by item.
    show_progress : bool
        Whether to show bars.
    """

    target: str
    sources: Sequence[str]
    trained: Sequence[str]
    sharing: Sharing
    files: ItemFiles
    cells: Callable[[str], pd.DataFrame]
    show_progress: bool = False


class Modality(ABC):
    """One kind of features, the same way in every domain of a suite.

    Parameters
    ----------
    settings : FeatureSettings
    suite : SuiteItems
    """

    n_categories: ClassVar[int | None] = None
    """Number of categories, if values are those; ``None`` if they are vectors."""

    def __init__(self, settings: FeatureSettings, suite: SuiteItems) -> None:
        self.settings, self.suite = settings, suite

    @classmethod
    def columns(cls, settings: FeatureSettings) -> Sequence[str]:
        """List the columns of the ``.item`` file that are read; a file may lack them."""
        return ()

    @classmethod
    def problems(cls, settings: FeatureSettings, cells: pd.DataFrame) -> Iterator[str]:
        """Check the cells of a file, whose index has line numbers: one text for each problem, as ``line 2: …``."""
        return iter(())

    @abstractmethod
    def values(self, domain: str, cells: pd.DataFrame) -> Values:
        """Turn what is known of items into numbers.

        Parameters
        ----------
        domain : str
            Its name.
        cells : pandas.DataFrame
            A row for each item of the domain, by its name, with `columns` as texts, blank where there is none.

        Returns
        -------
        Values

        Raises
        ------
        UserError
            If a file is malformed.
        """

    def form(self, values: npt.NDArray[Any]) -> Form:
        """Say what values are."""
        return Vectors(values.shape[1]) if self.n_categories is None else Categories(self.n_categories)

    def ready_vectors(self, domain: str, kind: str, items: Sequence[str]) -> Values:
        """Read ``NAME/NAME.kind.npz``, if it is there, scaled to unit norm."""
        path = self.suite.files.path(domain, f"{kind}.npz")
        if not path.exists():
            return no_vectors(len(items))
        vectors, present = read_vectors(path, items, self.settings.max_bad_features)
        return scaled(vectors, present)


def scaled(vectors: npt.NDArray[np.floating], present: npt.NDArray[np.bool_]) -> Values:
    """Scale vectors to a mean square norm of 1; see `unit_norm`."""
    norm = mean_norm(vectors, present)
    return Values(unit_norm(vectors, norm), present, norm)


def no_vectors(n_items: int) -> Values:
    """Return vectors of items that have none."""
    return Values(np.zeros((n_items, 1), np.float16), np.zeros(n_items, bool))
