"""Which protocol of history a comparison is headlined under, by what its runs know and how many targets are repeats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.description import Description
from recbole_metarec.comparison.protocols import protocols
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.comparison.text_report import text_report
from recbole_metarec.evaluation.targets import Targets
from recbole_metarec.runs.result import RunResult

USERS = np.array([f"u{n}" for n in range(40)], dtype=object)
TARGETS = Targets(USERS, np.array(["i"] * 40, dtype=object))


def run(model: str, masked: list[int], not_masked: list[int] | None, mask_history: bool = False) -> RunResult:
    """Make a run whose users have these ranks in turn; without ranks of the other protocol of a format before."""
    both = [None if ranks is None else np.tile(np.array(ranks), 10) for ranks in (not_masked, masked)]
    own, other = both[::-1] if mask_history else both
    named = {"model": model, "variant": None, "dataset": "d", "source_datasets": [], "seed": 1}
    metrics = {"valid": {"ndcg@10": 0.5}, "test": {"ndcg@10": 0.5}}
    return RunResult(
        **named,
        **metrics,
        mask_history=mask_history,
        n_users=40,
        n_targets=40,
        targets=TARGETS,
        ranks=own,
        other_ranks=other,
        valid_targets=TARGETS,
        valid_ranks=own,
        valid_other_ranks=other,
    )


def comparison(*runs: RunResult, repeats: float | None = 0.0) -> Comparison:
    by_label = {each.model: {1: each} for each in runs}
    return Comparison({"dataset": "d"}, [], runs[0].model, [1], by_label, {}, Description("d", repeats=repeats))


PLAIN, GREEDY = run("BPR", [1, 2, 4, 0], [1, 2, 4, 0]), run("SASRec", [1, 1, 2, 3], [2, 3, 5, 0])


@pytest.mark.parametrize("repeats", [None, 0.0, 0.1])
def test_history_is_masked_where_few_targets_are_repeats(repeats: float | None) -> None:
    summary = summarize(comparison(PLAIN, GREEDY, repeats=repeats))
    (effect,) = summary.effects
    assert effect.change.relative > 0 > effect.other
    assert "history masked" in summary.protocol
    assert summary.other_protocol == "history not masked"
    assert any("missed by all" in note for note in summary.notes) == bool(repeats)


def test_history_is_not_masked_where_repeats_are_to_be_found() -> None:
    summary = summarize(comparison(PLAIN, GREEDY, repeats=0.4))
    (effect,) = summary.effects
    assert effect.change.relative < 0 < effect.other
    assert "history not masked" in summary.protocol
    assert any("40.0% of the test targets are what their users had before" in note for note in summary.notes)


@pytest.mark.parametrize("mask_history", [False, True])
def test_what_is_asked_for_changes_no_headline(mask_history: bool) -> None:
    asked = [
        run(each.model, list(each.other_ranks[:4]), list(each.ranks[:4]), mask_history) for each in (PLAIN, GREEDY)
    ]
    (effect,), (wanted,) = (summarize(comparison(*each)).effects for each in (asked, (PLAIN, GREEDY)))
    assert effect == wanted


def test_one_run_of_a_format_before_lets_all_be_compared_as_it_was_tested() -> None:
    old = run("FPMC", [], [3, 3, 3, 3])
    old = replace(old, other_ranks=None, valid_other_ranks=None)
    headline, other, unknown = protocols(comparison(PLAIN, GREEDY, old))
    assert (other, unknown) == (None, ["FPMC"])
    assert headline.runs["SASRec"][1] == GREEDY
    printed = text_report(found := comparison(PLAIN, GREEDY, old), summarize(found))
    assert "Kept runs of FPMC were tested under one protocol of history alone" in printed
    assert "history not masked" in printed.splitlines()[0]


def test_metrics_that_no_rank_has_stay_as_they_were_asked_for_and_are_named() -> None:
    both = [replace(each, test={**each.test, "itemcoverage@10": 0.7}) for each in (PLAIN, GREEDY)]
    summary = summarize(comparison(*both))
    assert [row.means["itemcoverage@10"] for row in summary.rows] == [0.7, 0.7]
    assert [note for note in summary.notes if "itemcoverage@10" in note and "history not masked" in note]
    assert "itemcoverage@10" not in both[0].to_json()["other_history"]["test"]
    unmasked = summarize(comparison(*both, repeats=0.5))
    assert not any("itemcoverage@10" in note for note in unmasked.notes)


def test_ranks_among_sampled_items_have_one_protocol_and_no_note() -> None:
    sampled = [replace(each, mode="uni20", other_ranks=None, valid_other_ranks=None) for each in (PLAIN, GREEDY)]
    summary = summarize(comparison(*sampled))
    assert (summary.notes, summary.other_protocol) == ([], "")
    assert summary.rows[0].other is None
