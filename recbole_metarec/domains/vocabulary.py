"""Tokens numbered in order of first appearance, block by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recbole_metarec.domains.chunks import Chunks

Words = npt.NDArray[np.uint64]
Codes = npt.NDArray[np.int32]

FEWEST_PENDING = 1 << 20
"""Distinct tokens of blocks that are looked up together; more where more are known, so that time stays linear."""


class SameHash(Exception):
    """Two different tokens have one hash."""


class Vocabulary:
    """The tokens of a column and their numbers; each token is held once, beside some of the newest blocks' own.

    Attributes
    ----------
    codes : Chunks of int32
        The number of each row's token; complete after `finish`.
    """

    def __init__(self) -> None:
        self.codes = Chunks(np.int32)
        self._words = np.empty((0, 1), np.uint64)  # in order of their numbers
        self._hashes = np.empty(0, np.uint64)  # sorted
        self._numbers = np.empty(0, np.int32)  # of the hashes
        self._pending: list[Words] = []  # the different ones of a block
        self._pending_codes: list[Codes] = []  # which of them each row of the block has
        self._n_pending = 0

    def add(self, words: Words) -> None:
        """Take the tokens of a block.

        Parameters
        ----------
        words : uint64 array, shape (n_rows, n_words)
            The bytes of each token, padded with zeros.

        Raises
        ------
        SameHash
        """
        codes, first = number(words)
        self._pending_codes.append(codes)
        self._pending.append(words[first])
        self._n_pending += len(first)
        if self._n_pending >= max(FEWEST_PENDING, len(self._words) // 8):
            self._look_up()

    def finish(self) -> Words:
        """Return all tokens, in order of their numbers, padded with zeros; nothing is to be added any more.

        Raises
        ------
        SameHash
        """
        self._look_up()
        words, self._words = self._words, self._words[:0]
        self._hashes, self._numbers = self._hashes[:0], self._numbers[:0]
        return words

    def _look_up(self) -> None:
        """Give pending tokens their numbers, new ones those that follow."""
        if not self._pending:
            return
        words = _joined(self._pending)
        places, first = number(words)
        words = words[first]
        hashes = _hash(words)
        order = np.argsort(hashes, kind="stable")
        hashes = hashes[order]
        place = np.searchsorted(self._hashes, hashes)
        known = np.zeros(len(hashes), bool)
        inside = place < len(self._hashes)
        known[inside] = self._hashes[place[inside]] == hashes[inside]
        numbers, new = np.empty(len(words), np.int32), np.ones(len(words), bool)
        numbers[order[known]] = self._numbers[place[known]]
        new[order[known]] = False
        if not _equal(self._words[numbers[~new]], words[~new]):
            raise SameHash
        numbers[new] = np.arange(len(self._words), len(self._words) + new.sum(), dtype=np.int32)
        self._hashes = np.insert(self._hashes, place[~known], hashes[~known])
        self._numbers = np.insert(self._numbers, place[~known], numbers[order[~known]])
        self._words = _joined([self._words, words[new]])
        begin, numbers = 0, numbers[places]
        for block, codes in zip(self._pending, self._pending_codes, strict=True):
            self.codes.append(numbers[begin : begin + len(block)][codes])
            begin += len(block)
        self._pending, self._pending_codes, self._n_pending = [], [], 0


def number(words: Words) -> tuple[Codes, npt.NDArray[np.int64]]:
    """Return each row's number, equal rows alike and in order of first appearance, and the first row of each number."""
    codes, distinct = pd.factorize(_hash(words))
    first = np.empty(len(distinct), np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    if any((column != column[first][codes]).any() for column in words.T):
        raise SameHash
    return codes.astype(np.int32), first


def _hash(words: Words) -> Words:
    """Hash the rows; zeros behind them, of which texts have none within, change nothing."""
    hashes = np.zeros(len(words), np.uint64)
    for place, column in enumerate(words.T):
        mixed = (hashes ^ column) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        hashes = np.where(column, mixed, hashes) if place else mixed
    return hashes


def _joined(parts: list[Words]) -> Words:
    """Put words one behind the other, as wide as the widest."""
    width = max(part.shape[1] for part in parts)
    joined = np.zeros((sum(map(len, parts)), width), np.uint64)
    begin = 0
    for part in parts:
        joined[begin : begin + len(part), : part.shape[1]] = part
        begin += len(part)
    return joined


def _equal(words: Words, others: Words) -> bool:
    narrow, wide = sorted((words, others), key=lambda part: part.shape[1])
    width = narrow.shape[1]
    return bool((narrow == wide[:, :width]).all()) and not wide[:, width:].any()
