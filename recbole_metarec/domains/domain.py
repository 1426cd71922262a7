"""A domain's interactions as two arrays, in exact order."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recbole_metarec.domains.clock import Times
from recbole_metarec.domains.requests import Requests

Ints = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Domain:
    """One domain: the users' item sequences, in compressed-row form.

    Parameters
    ----------
    name : str
        Name of the dataset.
    items : int32 array, shape (n_interactions,)
        Item ids from 1 to ``n_items``, the sequences one behind the other. 0 is padding and never stands here.
    offsets : int64 array, shape (n_sequences + 1,)
        Sequence ``s`` is ``items[offsets[s]:offsets[s + 1]]``, oldest first.
    n_items : int
        Number of items in the catalogue, those without an interaction included.
    times : float64 array, shape (n_interactions,), optional
        When each was, in seconds since 1970, exact to the microsecond; ``None`` if nothing knows.
    """

    name: str
    items: Ints
    offsets: Offsets
    n_items: int
    times: Times | None = None

    def __post_init__(self) -> None:
        if len(self.offsets) == 0 or self.offsets[0] != 0 or self.offsets[-1] != len(self.items):
            raise ValueError(f"{self.name}: offsets must run from 0 to the number of interactions")
        if (np.diff(self.offsets) < 0).any():
            raise ValueError(f"{self.name}: offsets must not decrease")
        if len(self.items) and not 1 <= self.items.min() <= self.items.max() <= self.n_items:
            raise ValueError(f"{self.name}: item ids must lie between 1 and {self.n_items}")
        if self.times is not None:
            self._check_times(self.times)

    def _check_times(self, times: Times) -> None:
        if times.shape != self.items.shape:
            raise ValueError(f"{self.name}: there must be a time for each interaction, got {len(times)}")
        within = np.ones(max(len(times) - 1, 0), dtype=bool)
        begins = self.offsets[1:-1]
        within[begins[(begins > 0) & (begins < len(times))] - 1] = False
        if not (times[1:] >= times[:-1])[within].all():
            raise ValueError(f"{self.name}: times must not decrease within a sequence")

    @property
    def n_sequences(self) -> int:
        """Number of sequences, which is the number of users."""
        return len(self.offsets) - 1

    @property
    def n_interactions(self) -> int:
        """Number of interactions."""
        return len(self.items)

    @property
    def lengths(self) -> Offsets:
        """Number of items in each sequence, shape (n_sequences,)."""
        return np.diff(self.offsets)

    def __iter__(self) -> Iterator[Ints]:
        return (self[s] for s in range(self.n_sequences))

    def __getitem__(self, sequence: int) -> Ints:
        """Items of one sequence, oldest first (a view)."""
        return self.items[self.offsets[sequence] : self.offsets[sequence + 1]]

    def fingerprint(self) -> int:
        """Return a number that another one has whose sequences of item numbers differ."""
        return zlib.crc32(self.items.tobytes(), zlib.crc32(self.offsets.tobytes()))

    def content(self) -> bytes:
        """Return a digest that no other domain has: not with other items, sequences or times."""
        times = b"" if self.times is None else self.times.tobytes()
        parts = (str((self.name, self.n_items)).encode(), self.offsets.tobytes(), self.items.tobytes(), times)
        return hashlib.sha256(b"".join(parts)).digest()

    def item_counts(self) -> Offsets:
        """Count the interactions of each item.

        Returns
        -------
        int64 array, shape (n_items + 1,)
            Entry 0 (padding) is 0.
        """
        return np.bincount(self.items, minlength=self.n_items + 1)

    def requests(self, places: npt.NDArray[np.int64]) -> Requests:
        """Ask for interactions by what their users had before, shape (n_requests,)."""
        begin = np.repeat(self.offsets[:-1], self.lengths)[places]
        return Requests(self.items, self.times, begin, places, None if self.times is None else self.times[places])

    def of(self, chosen: npt.NDArray[np.bool_]) -> Domain:
        """Return the domain with some of its interactions; no user is left out, and no item."""
        kept = np.concatenate([[0], np.cumsum(chosen)])[self.offsets]
        times = None if self.times is None else self.times[chosen]
        return Domain(self.name, self.items[chosen], kept, self.n_items, times)

    def pairs(self, reach: int, new: npt.NDArray[np.bool_] | None = None) -> Iterator[tuple[Ints, Ints]]:
        """List the items that stand near each other in a sequence, by their distance.

        Parameters
        ----------
        reach : int
            Largest distance.
        new : bool array, shape (n_interactions,), optional
            Only pairs whose later interaction is among these.

        Yields
        ------
        earlier, later : int32 array, shape (n_pairs,)
            Those 1 place apart, then those 2 places apart, and so on, while there are any.
        """
        sequence = np.repeat(np.arange(self.n_sequences), self.lengths)
        farthest = max(1, int(self.lengths.max(initial=0)) - 1)
        for gap in range(1, min(reach, farthest) + 1):
            same = sequence[gap:] == sequence[:-gap]
            if new is not None:
                same &= new[gap:]
            yield self.items[:-gap][same], self.items[gap:][same]

    def describe(self) -> str:
        """One line with the domain's counts."""
        return f"{self.name}: {self.n_sequences:,} users, {self.n_items:,} items, {self.n_interactions:,} interactions"


@dataclass(frozen=True)
class DomainSuite:
    """One target domain and its source domains.

    Parameters
    ----------
    target : Domain
        The training part of the target domain.
    sources : tuple of Domain
        Source domains, in the order in which they were named; empty for training from scratch.
    """

    target: Domain
    sources: tuple[Domain, ...] = ()

    def __post_init__(self) -> None:
        names = [domain.name for domain in self.domains]
        if len(set(names)) < len(names):
            raise ValueError(f"a suite names each domain once, got {', '.join(names)}")

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The target first, then the sources."""
        return (self.target, *self.sources)


def from_sequences(name: str, sequences: list[list[int]], n_items: int) -> Domain:
    """Build a domain from lists of item ids.

    Parameters
    ----------
    name : str
        Name of the domain.
    sequences : list of list of int
        One list for each user, oldest item first.
    n_items : int
        Number of items in the catalogue.

    Returns
    -------
    Domain
    """
    lengths = [len(sequence) for sequence in sequences]
    items = np.fromiter((item for sequence in sequences for item in sequence), np.int32, sum(lengths))
    offsets = np.zeros(len(sequences) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Domain(name, items, offsets, n_items)


def merge(name: str, domains: Sequence[Domain]) -> Domain:
    """Put domains one behind the other; item ``i`` of a domain becomes ``i`` plus the items of those before it.

    Parameters
    ----------
    name : str
        Name of the result.
    domains : sequence of Domain

    Returns
    -------
    Domain
        With times if all have them.
    """
    before = np.cumsum([0, *(domain.n_items for domain in domains)])
    items = [domain.items + np.int32(shift) for domain, shift in zip(domains, before[:-1], strict=True)]
    lengths = np.concatenate([np.zeros(1, np.int64), *(domain.lengths for domain in domains)])
    times = [domain.times for domain in domains if domain.times is not None]
    joined = np.concatenate(times) if times and len(times) == len(domains) else None
    return Domain(name, np.concatenate(items), np.cumsum(lengths), int(before[-1]), joined)
