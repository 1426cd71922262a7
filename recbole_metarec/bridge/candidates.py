"""Sampled candidates that are the same at every evaluation and for every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array
from torch import Tensor

from recbole_metarec.bridge.dataset import DomainDataset

PHASES = ("valid", "test")


class FixedSampler:
    """A sampler of RecBole whose candidates for a target hang on seed, split, user and item alone.

    RecBole draws anew at each evaluation: one model then has several results, and two models are not compared on the
    same task. Candidates here are distinct items that the user never had, as many as there are.

    Parameters
    ----------
    sampler : recbole.sampler.AbstractSampler
        The sampler in whose place this one stands, for all but the candidates.
    had : csr_array of bool, shape (n_users, n_items)
        What each user had, in all splits.
    by_popularity : bool
        Whether items are drawn in proportion to how many users had them; uniformly otherwise.
    seed : int
        Of the run.
    """

    def __init__(self, sampler: Any, had: csr_array, by_popularity: bool, seed: int) -> None:
        self._sampler, self._had = sampler, had
        self._weights = np.asarray(had.sum(axis=0), dtype=np.float64).ravel() if by_popularity else None
        self._seed = (seed, PHASES.index(sampler.phase))
        self._drawn: dict[tuple[int, int], npt.NDArray[np.int64]] = {}

    def __getattr__(self, name: str) -> Any:
        if name == "_sampler":  # not there yet while a copy is unpickled
            raise AttributeError(name)
        return getattr(self._sampler, name)

    def sample_by_user_ids(
        self, user_ids: npt.NDArray[np.int64], item_ids: npt.NDArray[np.int64], value_num: int
    ) -> Tensor:
        """Return `of_targets` as RecBole wants it: the first candidate of each target, then the second ones."""
        return self.of_targets(user_ids, item_ids, value_num).T.flatten()

    def of_targets(self, users: Any, items: Any, n_wanted: int) -> Tensor:
        """Return the candidates of targets beside themselves, shape (n_targets, n_wanted)."""
        pairs = zip(map(int, users), map(int, items), strict=True)
        return torch.from_numpy(np.stack([self._candidates(user, item, n_wanted) for user, item in pairs]))

    def _candidates(self, user: int, item: int, n_wanted: int) -> npt.NDArray[np.int64]:
        if (user, item) not in self._drawn:
            rng = np.random.default_rng((*self._seed, user, item))
            had = self._had.indices[self._had.indptr[user] : self._had.indptr[user + 1]]
            self._drawn[user, item] = self._draw(rng, np.append(had, item), n_wanted)
        return self._drawn[user, item]

    def _draw(self, rng: np.random.Generator, had: npt.NDArray[Any], n_wanted: int) -> npt.NDArray[np.int64]:
        n_items = self._had.shape[1]
        if self._weights is None:
            drawn = 1 + rng.choice(n_items - 1, min(n_items - 1, n_wanted + len(had)), replace=False)
        else:
            # exponential times over weights: in their order items are drawn without replacement (Efraimidis 2006)
            with np.errstate(divide="ignore"):
                times = rng.exponential(size=n_items) / self._weights
            drawn = np.argsort(times, kind="stable")[: n_wanted + len(had)]
            drawn = drawn[(drawn > 0) & np.isfinite(times[drawn])]
        free = drawn[~np.isin(drawn, had)][:n_wanted]
        # RecBole wants as many for each; what stands there twice is one candidate.
        return np.resize(free if len(free) else had[-1:], n_wanted).astype(np.int64)


def everything_had(dataset: Any, splits: Sequence[Any]) -> csr_array:
    """Return which items each user had in all splits of a ``recbole.data.dataset.Dataset``.

    Parameters
    ----------
    dataset : recbole.data.dataset.Dataset
        What was split.
    splits : sequence of recbole.data.dataset.Dataset

    Returns
    -------
    csr_array of bool, shape (n_users, n_items)
    """
    pairs = []
    for split in splits:
        rows = split.interactions() if isinstance(split, DomainDataset) else split.inter_feat
        pairs.append(torch.stack([rows[dataset.uid_field], rows[dataset.iid_field]]))
        listed = f"{dataset.iid_field}{dataset.config['LIST_SUFFIX']}"
        if not isinstance(split, DomainDataset) and listed in rows:
            row, column = torch.nonzero(rows[listed], as_tuple=True)
            pairs.append(torch.stack([rows[dataset.uid_field][row], rows[listed][row, column]]))
    users, items = np.unique(torch.cat(pairs, dim=1).numpy(), axis=1)
    return csr_array((np.ones(len(users), bool), (users, items)), shape=(dataset.user_num, dataset.item_num))
