"""Recommend from a folder that `recbole-metarec export` made, with onnxruntime and numpy alone.

    python examples/serve_exported.py FOLDER --sequence=A,B,C [-k 10]

All arrays are read by item number; 0 is padding. Unknown items are skipped. What knows the clock was counted for the
day of the export, and answers as on that day: export anew every night.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime


class Exported:
    """A model as its files have it."""

    def __init__(self, folder):
        missing = [name for name in ("settings.json", "items.npz", "evidence.npz") if not (folder / name).exists()]
        if missing:
            raise SystemExit(f"{folder}: has no {', '.join(missing)}; export all parts, without --what")
        self.settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        with np.load(folder / "items.npz") as items, np.load(folder / "evidence.npz") as evidence:
            self.ids, self.inputs, self.outputs, self.evidence = *(items[key] for key in items), dict(evidence)
        self.numbers = {item: number for number, item in enumerate(self.ids.tolist()) if number}
        self.encoder = onnxruntime.InferenceSession(folder / "encoder.onnx") if self.inputs.shape[1] else None

    def recommend(self, sequence, k=10, days=None):
        """Return the best items that are not in a sequence (oldest first, had on some days since 1970), with scores."""
        days = [self.settings["day"]] * len(sequence) if days is None else days
        known = [(self.numbers[item], day) for item, day in zip(sequence, days, strict=True) if item in self.numbers]
        items, days = np.array(known, int).reshape(-1, 2).T
        scores = self.scores(items, days)
        scores[items] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        return [(str(self.ids[item]), float(scores[item])) for item in best if scores[item] > -np.inf]

    def scores(self, items, days):
        """Score all items for a sequence of item numbers."""
        window, about = items[-self.settings["max_length"] :], self.settings["evidence"]
        scores = np.zeros(len(self.ids))
        if self.encoder and len(window):
            given = {"item_vectors": self.inputs[window][None], "lengths": np.array([len(window)])}
            scores = self.outputs @ self.encoder.run(None, given)[0][0]
        if about["kind"] == "memory":
            share = self.evidence["share"]
            lift, unknown = self.lift("transitions", share, window[::-1][: about["depth"]], about["decay"])
            memory = lift + np.log(unknown * share, where=share > 0, out=np.zeros(len(share)))
            scores = memory if about["weight"] == "infinity" else scores + about["weight"] * memory
        elif about["kind"] == "timed":
            scores = self.of_the_day(scores, items[::-1], days[::-1], about)
        scores[0] = -np.inf
        scores[self.evidence["closed"]] = -np.inf
        scores[np.unique(window)] -= float(about["repeat_penalty"])
        return scores

    def of_the_day(self, scores, items, days, about):
        """Weigh the model's scores and each kind of evidence by what is known of the request, as the model does."""
        today, share, few = self.settings["day"], self.evidence["share"], slice(about["lately"])
        near, unknown = self.lift("transitions", share, items[few], about["decay"])
        fading, _ = self.lift("fading", share, items[few], about["decay"])
        of_all, _ = self.lift("transitions", share, items[: about["depth"]], 1.0)
        together, _ = self.lift("same_day", share, items[few], (days[few] == today).astype(float))
        gap, length = max(0, today - days[0]) if len(days) else 0, max(1, len(items))
        ago = np.array([self.ago(*each, about["counted_day"]) for each in zip(items[few], days[few], strict=True)])
        hot, new = np.exp(-ago / about["hot_days"]).sum(), np.isinf(ago).sum()
        context = [1, np.log1p(gap) / 3, len(days) > 0 and gap == 0, np.log(length) / 3, 1 - unknown]
        context += [hot / (len(ago) + 2), new / (len(ago) + 2), about["out_of_date"]]
        trust = np.array(about["weights"]) @ context
        weights = about["factor_decay"] ** np.arange(len(ago))
        latent = self.evidence["latent"] @ (weights @ self.evidence["asked"][items[few]] / max(weights.sum(), 1))
        joined = trust[:13] @ np.vstack([near, fading - near, of_all, together, latent, self.evidence["counted"]])
        for item in np.unique(items):
            had = days[items == item]
            joined[item] += trust[13:16] @ [1, np.log(len(had)), np.log1p(max(0, today - had[0])) / 2]
        return joined + trust[16] * scores if len(trust) > 16 else joined

    def lift(self, of, share, items, shares):
        """Return the log of how much likelier than by popularity items are behind some, and what is not known of it."""
        shares = shares ** np.arange(len(items)) if np.isscalar(shares) else shares
        shares = shares / max(shares.sum(), 1e-9)
        unknown = shares @ self.evidence[f"{of}_background"][items] if shares.sum() else 1.0
        sums = np.zeros(len(share))
        for item, weight in zip(items, shares, strict=True):
            row = slice(*self.evidence[f"{of}_indptr"][item : item + 2])
            sums[self.evidence[f"{of}_items"][row]] += weight * self.evidence[f"{of}_values"][row]
        return np.log1p(sums / unknown / np.where(share > 0, share, 1)), unknown

    def ago(self, item, day, counted_day):
        """Return how many days before a day somebody had had an item last, infinity if nobody had."""
        days, day = (
            self.evidence["seen_days"][slice(*self.evidence["seen_indptr"][item : item + 2])],
            min(day, counted_day),
        )
        place = np.searchsorted(days, day)
        return day - days[place - 1] if place else np.inf


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sequence", required=True)
    parser.add_argument("-k", type=int, default=10)
    asked = parser.parse_args()
    if asked.k < 1:
        parser.error("-k must be 1 or more")
    for item, score in Exported(asked.folder).recommend(asked.sequence.split(","), asked.k):
        print(f"{item}\t{score:.4f}")
