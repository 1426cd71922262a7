"""A linear item-item model that knows the time, beside evidence: in the manner of TALE (arXiv 2412.07382).

    python benchmarks/tale.py --suite=timed-office --data_path=../shared/data/timed

Each interaction is one target, explained by what its user had before by ridge regression in closed form. What was had
earlier counts ``max(exp(-days / tau), floor)`` in learning and ``exp(-places / tau)`` in asking, as in the paper's
public code; targets are divided by a power of how often they were had in the 90 days before. All of it is chosen on
validation with the model of the training part. Test targets are asked twice: with that model, and with one that is
learnt anew every week from all that was had before.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.linalg
from scipy.sparse import csr_array
from tabulate import tabulate
from transfer import read_suite

from recbole_metarec.bridge.config import PluginConfig
from recbole_metarec.domains.domain import Domain
from recbole_metarec.domains.requests import Requests, first_days
from recbole_metarec.evaluation.ranking import metric_of_ranks
from recbole_metarec.runs.prepare import prepare

DAY, LONGEST, TREND, REFRESH = 86400.0, 50, 90, 7
RIDGES, TAUS, FLOORS, PLACES, POWERS = (10.0, 100.0, 500.0), (30.0, 180.0), (0.1, 0.5), (1.0, 4.0, 16.0), (0.0, 0.5)


def read(requests: Requests) -> tuple[npt.NDArray[Any], ...]:
    """Return row, item, days before the request and places before the last of what histories hold."""
    requests = requests._replace(begin=np.maximum(requests.begin, requests.end - LONGEST))
    row, place = requests.history()
    assert requests.times is not None
    assert requests.at is not None
    return row, requests.items[place], (requests.at[row] - requests.times[place]) / DAY, requests.end[row] - 1 - place


class Linear:
    """Weights from each item to each, learnt from interactions before some day."""

    def __init__(self, domain: Domain, ridge: float, tau: float, floor: float, power: float) -> None:
        assert domain.times is not None
        places = np.setdiff1d(np.arange(domain.n_interactions), domain.offsets[:-1])
        targets, size = domain.items[places], domain.n_items + 1
        row, item, days, _ = read(domain.requests(places))
        weights = np.maximum(np.exp(-days / tau), floor)
        sources = csr_array((weights, (row, item)), shape=(len(places), size))
        trend = self._trend(domain, places) ** -power
        wanted = csr_array((trend, (np.arange(len(places)), targets)), shape=(len(places), size))
        gram = (sources.T @ sources).toarray().astype(np.float32)
        gram[np.diag_indices(size)] += ridge
        self.weights_II = scipy.linalg.solve(gram, (sources.T @ wanted).toarray().astype(np.float32), assume_a="pos")

    @staticmethod
    def _trend(domain: Domain, places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Count how often each target was had in the days before, and once more."""
        assert domain.times is not None
        key = domain.items.astype(np.float64) * 1e6 + domain.times / DAY
        ordered, own = np.sort(key), key[places]
        return 1.0 + np.searchsorted(ordered, own) - np.searchsorted(ordered, own - TREND)

    def score(self, requests: Requests, tau: float) -> npt.NDArray[np.float32]:
        """Score all items, shape (B, I)."""
        row, item, _, place = read(requests)
        asked = csr_array((np.exp(-place / tau), (row, item)), shape=(requests.size, len(self.weights_II)))
        return np.asarray(asked @ self.weights_II, np.float32)


def ndcg(scores_BI: npt.NDArray[np.float32], requests: Requests, targets: npt.NDArray[Any], first: Any) -> Any:
    """Return NDCG@10 of each request: known items that the user did not have are candidates."""
    assert requests.at is not None
    scores_BI = np.where(first[None] < (requests.at // DAY)[:, None], scores_BI, -np.inf)
    scores_BI[:, 0] = -np.inf
    row, place = requests.history()
    scores_BI[row, requests.items[place]] = -np.inf
    own = scores_BI[np.arange(len(targets)), targets]
    ranks = 1 + (scores_BI > own[:, None]).sum(1)
    return metric_of_ranks("ndcg@10", np.where(np.isfinite(own), ranks, 0))


def main() -> None:
    """Print NDCG@10 of test targets of a suite."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--data_path", required=True)
    parser.add_argument("--seed", type=int, default=2020)
    asked = parser.parse_args()
    settings = {**read_suite(asked.suite), "data_path": asked.data_path, "seed": asked.seed, "source_datasets": []}
    target = settings.pop("dataset")
    with tempfile.TemporaryDirectory() as folder:
        settings = {**settings, "checkpoint_dir": folder, "state": "ERROR", "gpu_id": ""}
        config = PluginConfig("Evidence", target, {key: settings[key] for key in settings if key != "model"})
        _, train, valid, test = prepare(config)
    domain, everything = train._dataset.domain(), train._dataset.everything()
    first = first_days(everything.items, everything.times, everything.n_items)
    parts = {}
    for name, part in (("valid", valid), ("test", test)):
        rows = part._dataset.inter_feat
        parts[name] = part._dataset.requests(rows), rows[config["ITEM_ID_FIELD"]].numpy()
    found = []
    for chosen in itertools.product(RIDGES, TAUS, FLOORS, POWERS):
        model = Linear(domain, *chosen)
        for tau in PLACES:
            value = ndcg(model.score(parts["valid"][0], tau), *parts["valid"], first).mean()
            found.append((value, chosen, tau))
    value, chosen, tau = max(found)
    requests, targets = parts["test"]
    once = ndcg(Linear(domain, *chosen).score(requests, tau), requests, targets, first)
    weekly = np.zeros(len(targets))
    assert requests.at is not None
    week = requests.at // (REFRESH * DAY)
    for number in np.unique(week):
        rows = np.flatnonzero(week == number)
        known = everything.of(everything.times < number * REFRESH * DAY)
        few = requests.take(rows)
        weekly[rows] = ndcg(Linear(known, *chosen).score(few, tau), few, targets[rows], first)
    columns = ("suite", "targets", "ridge, tau, floor, power; places", "valid", "test", "test, learnt anew every week")
    row = (asked.suite, len(targets), f"{chosen}; {tau}", value, once.mean(), weekly.mean())
    print(tabulate([row], columns, floatfmt=".4f", tablefmt="github"))


if __name__ == "__main__":
    main()
