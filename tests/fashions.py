"""A domain in which users take what is in fashion, and the part of it that comes early."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from recbole_metarec.domains.clock import DAY
from recbole_metarec.domains.domain import Domain


def fashions(seed: int, name: str = "fashions", n_users: int = 250, n_items: int = 60, faithful: float = 0.0) -> Domain:
    """Make users who take what is in fashion this week, and, a share of the time, what they had before."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 9, n_users)
    fashion = rng.integers(1, n_items + 1, (60, 3))
    items, times = [], []
    for length in lengths:
        days = np.sort(rng.integers(0, 400, length))
        own: list[int] = []
        for when in days:
            loyal = own and rng.random() < faithful
            own.append(int(rng.choice(own)) if loyal else int(rng.choice(fashion[when // 7])))
        items += own
        times += list(1.4e9 + DAY * (days + rng.random(length) / 2))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    order = np.concatenate([np.argsort(times[a:b]) + a for a, b in pairwise(offsets)])
    return Domain(name, np.array(items, np.int32)[order], offsets, n_items, np.array(times)[order])


def early(domain: Domain, share: float = 0.8) -> Domain:
    return domain.of(domain.times < np.quantile(domain.times, share))
