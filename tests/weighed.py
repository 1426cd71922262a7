"""Evidence of a run as diagnostics have it, with weights that are known."""

from __future__ import annotations

from typing import Any

import numpy as np

from recbole_metarec.evidence.kinds import CONTEXT, KINDS
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.evidence.worth import GROUPS

SITUATIONS = {
    "same day": [1.0, 0.0, 1.0, 0.4, 0.5, 0.2, 0.2, 0.0],
    "after a month": [1.0, 1.0, 0.0, 0.4, 0.5, 0.2, 0.2, 0.0],
    "after 2 items": [1.0, 0.5, 0.3, 0.2, 0.5, 0.2, 0.2, 0.0],
    "after 20 items": [1.0, 0.5, 0.3, 1.0, 0.5, 0.2, 0.2, 0.0],
}


def weights(**always: float) -> np.ndarray:
    """Return weights whose first column is given by kind, spaces as underscores."""
    found = np.zeros((len(KINDS), len(CONTEXT)))
    for kind, value in always.items():
        found[KINDS.index(kind.replace("_", " ")), 0] = value
    return found


def evidence(weights_KC: np.ndarray | None = None, **changes: Any) -> dict[str, Any]:
    """Return what is known of the evidence of a run in which counts of the last 30 days matter after a while."""
    if weights_KC is None:
        weights_KC = weights(transitions=1.0, popularity=1.0, last_30_days=0.5)
        weights_KC[KINDS.index("last 30 days"), CONTEXT.index("gap")] = 0.55
    losses = {name: 0.01 for name in GROUPS if name != MODEL} | {"counts of the last days": 0.12}
    base = {
        "kinds": list(KINDS),
        "context": list(CONTEXT),
        "weights": weights_KC.tolist(),
        "n_rows": 1234,
        "situations": SITUATIONS,
        "sources": {
            "toys": {"pull": 0.25, "weights": weights(transitions=2.0).tolist()},
            "beauty": {"pull": 0.75, "weights": weights(popularity=-3.0).tolist()},
        },
        "worth": {
            "ndcg": 0.2,
            "memory": 0.1,
            "losses": losses,
            "errors": dict.fromkeys(losses, 0.02),
            "n_rows": 370,
        },
    }
    return {**base, **changes}
