"""What to make of a result, in plain words: what holds, which model to use, what to do next, what the metric says."""

from __future__ import annotations

import math
from typing import NamedTuple

from recbole_metarec.evaluation.significance import Change
from recbole_metarec.evaluation.wording import interval, spell

# An interval within these bounds says that there is next to nothing; one beyond the wide ones says next to nothing.
_NARROW, _WIDE = 0.02, 0.10
# The difference that users would have to be enough for.
_WORTH_KNOWING = 0.05
_BY_VARIANT = {
    "scratch": "trained on the target alone",
    "transfer": "which learnt from the other domains as well",
    "ensemble": "which joins the models with and without the other domains",
}


class Measured(NamedTuple):
    """A difference between two models.

    Attributes
    ----------
    change : Change
    verdict : str
        As `Change.verdict`, perhaps after correction for several comparisons.
    metric : str
    n_users : int
        Of the test.
    """

    change: Change
    verdict: str
    metric: str
    n_users: int

    @property
    def is_of_one_seed(self) -> bool:
        """Whether nothing is known of how much training varies."""
        return len(self.change.of_seeds) == 1

    @property
    def is_clear(self) -> bool:
        """Whether one of the models is ahead."""
        return self.verdict != "no clear difference"

    @property
    def is_wide(self) -> bool:
        """Whether so much is possible that nothing is said."""
        return not self.is_clear and max(-self.change.low, self.change.high) > _WIDE

    @property
    def users_needed(self) -> int:
        """How many users would show a difference of 5%, to two digits; intervals shrink with the root of the users."""
        half = (self.change.high - self.change.low) / 2
        needed = self.n_users * (half / _WORTH_KNOWING) ** 2
        return int(float(f"{needed:.1e}"))


def say_transfer(measured: Measured) -> str:
    """Say whether data of the other domains help."""
    change, metric = measured.change, spell(measured.metric)
    if math.isnan(change.relative):
        return "Without the other domains the model finds no test target: there is nothing to compare with."
    over = "95% interval over users" if measured.is_of_one_seed else "95% interval"
    amount = f"{metric} is {_size(change.relative)} {'higher' if change.relative > 0 else 'lower'} with them"
    bounds = f"{over} {interval(change)}"
    if measured.is_wide:
        return (
            f"It is too early to say whether data of the other domains help: with {measured.n_users:,} test users a "
            f"change of {metric} from {interval(change)} is possible."
        )
    if measured.is_clear:
        effect = "help" if change.relative > 0 else "hurt"
        if measured.is_of_one_seed:
            return f"Data of the other domains {effect} in the one seed that was run: {amount} ({bounds})."
        return f"Data of the other domains {effect} here: {amount} ({bounds})."
    if change.low > 0 or change.high < 0:
        return (
            "Data of the other domains make no difference here that is clear among so many comparisons: "
            f"{amount} ({bounds})."
        )
    effect = "neither help nor hurt" if max(-change.low, change.high) <= _NARROW else "make no clear difference"
    ruled_out = f"gains above {_size(change.high)} and losses above {_size(change.low)} are ruled out"
    if measured.is_of_one_seed:
        return f"Data of the other domains {effect} in the one seed that was run: {ruled_out} for it."
    return f"Data of the other domains {effect} here: {ruled_out}."


def say_use(name: str, variant: str | None, rival: str = "", lead: Measured | None = None, kind: str = "") -> str:
    """Say which model to use, and how far ahead it is of the best other one; behind that, the other one is to be used.

    Parameters
    ----------
    name : str
        Label of the model that validation chose.
    variant : str, optional
        Which of the variants of a model that transfers it is.
    rival : str
        Label of the other one; empty for none.
    lead : Measured, optional
        The model against it.
    kind : str
        What the other one is the best of.
    """
    chosen = f"{name}, {_BY_VARIANT[variant]}" if variant in _BY_VARIANT else name
    if lead is None or math.isnan(lead.change.relative):
        return f"Use {chosen}."
    bounds, best = f"95% interval {interval(lead.change)}", f"{rival}, the best of {kind}"
    seed = " in the one seed that was run" if lead.is_of_one_seed else ""
    if not lead.is_clear and (lead.change.low > 0 or lead.change.high < 0):
        side = "ahead of" if lead.change.low > 0 else "behind"
        amount = f"{_size(lead.change.relative)} {side} {best}"
        return f"Use {chosen}; it is {amount}, which is not clear among several comparisons ({bounds})."
    if not lead.is_clear:
        return f"Use {chosen}; there is no clear difference from {best} ({bounds})."
    if lead.change.relative < 0:
        return f"Use {best}: {name} is {_size(lead.change.relative)} behind it{seed} ({bounds})."
    return f"Use {chosen}; it is {_size(lead.change.relative)} ahead of {best}{seed} ({bounds})."


def say_next(measured: Measured) -> str:
    """Say what to do next."""
    if math.isnan(measured.change.relative):
        return "Next: train for longer, or test on more users."
    if measured.is_wide:
        needed = f"about {measured.users_needed:,} would show a difference of {_WORTH_KNOWING:.0%}"
        return f"Next: test on more users; {needed}."
    if measured.is_of_one_seed:
        return "Next: --seeds=3, since training varies, and one seed cannot say by how much."
    if measured.is_clear and measured.change.relative > 0:
        return "Next: --leave_one_out=True shows which of the sources it takes."
    if measured.is_clear:
        return "Next: leave the other domains out, or find the one that hurts with --leave_one_out=True."
    return "Next: try sources that are nearer to the target, or a model that reads texts of items, as ANT does."


def explain(metric: str) -> str:
    """Say in half a line what a metric says; empty for one that is not known."""
    name, _, k = metric.lower().partition("@")
    said = {
        "ndcg": f"says how high the item that came next stands in a list of {k}: 1 for the first place, 0 if not there",
        "mrr": f"is one over the place of the item that came next in a list of {k}, 0 if it is not there",
        "recall": f"is the share of a user's test targets that stand in a list of {k}",
        "hit": f"is the share of users with a test target in a list of {k}",
    }
    return f"{spell(metric)} {said[name]}." if name in said else ""


def _size(change: float) -> str:
    """Write a change without its sign."""
    return f"{abs(change):.1%}"
