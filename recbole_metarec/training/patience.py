"""Early stopping on validation."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Patience:
    """Keeps count of the evaluations that were no improvement.

    Parameters
    ----------
    most : int
        So many may come one behind the other.
    bigger : bool
        Whether a larger score is better.
    best : float
        The best score so far; not a number where there is none.
    misses : int
        Evaluations since then.
    """

    most: int
    bigger: bool = True
    best: float = math.nan
    misses: int = 0

    def __post_init__(self) -> None:
        if math.isnan(self.best):
            self.best = -math.inf if self.bigger else math.inf

    def look(self, score: float, counts: bool = True) -> bool:
        """Take note of a score; one as good as the best is an improvement.

        Parameters
        ----------
        score : float
        counts : bool
            Whether it is counted if it is a miss.

        Returns
        -------
        bool
            Whether it is an improvement.
        """
        if score >= self.best if self.bigger else score <= self.best:
            self.best, self.misses = score, 0
            return True
        self.misses = self.misses + 1 if counts else 0
        return False

    @property
    def is_over(self) -> bool:
        """Whether training should stop."""
        return self.misses > self.most
