"""How protocols are written, and what they leave out."""

from __future__ import annotations

from recbole_metarec.runs.result import RunResult


def protocol(run: RunResult) -> str:
    """Say among what a run's targets were ranked."""
    if run.mode == "full":
        among = "full ranking of items that someone had on an earlier day" if run.known_items else "full ranking"
        return f"{among}, history {'masked' if run.mask_history else 'not masked'}"
    how, n_sampled = run.mode[:3], run.mode[3:]
    drawn = {"uni": "uniformly", "pop": "by popularity"}.get(how, how)
    return f"each target ranked among {n_sampled} items that are drawn {drawn}, not among all"


def unseen(run: RunResult) -> str:
    """Say which share of a run's targets nobody could know; empty if nothing knows the time."""
    if run.unseen_targets is None:
        return ""
    ranked = "; they are no candidates and count as missed" if run.known_items else ""
    return f"{run.unseen_targets:.1%} of the test targets nobody had on a day before the request{ranked}"
