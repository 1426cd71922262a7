"""What is said of a difference, for each kind of it: the words, and the numbers that they hold."""

from __future__ import annotations

import math

import pytest

from recbole_metarec.evaluation.significance import Change
from recbole_metarec.runs.advice import Measured, explain, say_next, say_transfer, say_use

NEARER = "Next: try sources that are nearer to the target, or a model that reads texts of items, as ANT does."


def measured(
    relative: float, low: float, high: float, seeds: int = 3, n_users: int = 500, holds: bool = True
) -> Measured:
    change = Change(relative, low, high, 0.01, (relative,) * seeds)
    return Measured(change, change.verdict if holds else "no clear difference", "ndcg@10", n_users)


ANSWERS = {
    "gain": (
        measured(0.03, 0.002, 0.059),
        "Data of the other domains help here: NDCG@10 is 3.0% higher with them (95% interval +0.2% to +5.9%).",
        "Next: --leave_one_out=True shows which of the sources it takes.",
    ),
    "loss": (
        measured(-0.056, -0.109, -0.002),
        "Data of the other domains hurt here: NDCG@10 is 5.6% lower with them (95% interval -10.9% to -0.2%).",
        "Next: leave the other domains out, or find the one that hurts with --leave_one_out=True.",
    ),
    "nothing": (
        measured(0.001, -0.002, 0.003),
        "Data of the other domains neither help nor hurt here: gains above 0.3% and losses above 0.2% are ruled out.",
        NEARER,
    ),
    "no clear difference": (
        measured(0.013, -0.011, 0.037),
        "Data of the other domains make no clear difference here: gains above 3.7% and losses above 1.1% are ruled "
        "out.",
        NEARER,
    ),
    "too few users": (
        measured(0.05, -0.2, 0.3, n_users=40),
        "It is too early to say whether data of the other domains help: with 40 test users a change of NDCG@10 from "
        "-20.0% to +30.0% is possible.",
        "Next: test on more users; about 1,000 would show a difference of 5%.",
    ),
    "not clear among several": (
        measured(0.03, 0.002, 0.059, holds=False),
        "Data of the other domains make no difference here that is clear among so many comparisons: NDCG@10 is 3.0% "
        "higher with them (95% interval +0.2% to +5.9%).",
        NEARER,
    ),
    "gain of one seed": (
        measured(0.03, 0.002, 0.059, seeds=1),
        "Data of the other domains help in the one seed that was run: NDCG@10 is 3.0% higher with them (95% interval "
        "over users +0.2% to +5.9%).",
        "Next: --seeds=3, since training varies, and one seed cannot say by how much.",
    ),
    "nothing clear in one seed": (
        measured(0.013, -0.011, 0.037, seeds=1),
        "Data of the other domains make no clear difference in the one seed that was run: gains above 3.7% and losses "
        "above 1.1% are ruled out for it.",
        "Next: --seeds=3, since training varies, and one seed cannot say by how much.",
    ),
    "nothing to compare with": (
        measured(math.nan, math.nan, math.nan),
        "Without the other domains the model finds no test target: there is nothing to compare with.",
        "Next: train for longer, or test on more users.",
    ),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_each_kind_of_difference_has_its_answer_and_its_next_step(kind: str) -> None:
    found, said, next_step = ANSWERS[kind]
    assert say_transfer(found) == said
    assert say_next(found) == next_step


@pytest.mark.parametrize(
    ("variant", "lead", "wanted"),
    [
        ("scratch", None, "Use M:scratch, trained on the target alone."),
        ("transfer", None, "Use M:scratch, which learnt from the other domains as well."),
        (None, None, "Use M:scratch."),
        (None, measured(math.nan, math.nan, math.nan), "Use M:scratch."),
        (
            None,
            measured(0.09, 0.05, 0.13),
            "Use M:scratch; it is 9.0% ahead of Pop, the best of RecBole's models (95% interval +5.0% to +13.0%).",
        ),
        (
            "ensemble",
            measured(0.01, -0.05, 0.06),
            "Use M:scratch, which joins the models with and without the other domains; there is no clear difference "
            "from Pop, the best of RecBole's models (95% interval -5.0% to +6.0%).",
        ),
        (
            None,
            measured(0.07, 0.01, 0.13, holds=False),
            "Use M:scratch; it is 7.0% ahead of Pop, the best of RecBole's models, which is not clear among several "
            "comparisons (95% interval +1.0% to +13.0%).",
        ),
        (
            "scratch",
            measured(-0.2, -0.3, -0.1, seeds=1),
            "Use Pop, the best of RecBole's models: M:scratch is 20.0% behind it in the one seed that was run (95% "
            "interval -30.0% to -10.0%).",
        ),
    ],
)
def test_the_model_to_use_is_named_with_its_lead(variant: str | None, lead: Measured | None, wanted: str) -> None:
    assert say_use("M:scratch", variant, "Pop", lead, "RecBole's models") == wanted


def test_half_the_interval_takes_four_times_the_users() -> None:
    few, many = measured(0.0, -0.2, 0.2, n_users=100), measured(0.0, -0.1, 0.1, n_users=100)
    assert few.users_needed == 4 * many.users_needed == 1600


@pytest.mark.parametrize("metric", ["ndcg@10", "mrr@5", "recall@20", "hit@1"])
def test_metrics_of_ranks_are_explained_by_the_length_of_their_list(metric: str) -> None:
    assert f"a list of {metric.partition('@')[2]}" in explain(metric)
    assert explain("itemcoverage@10") == ""
