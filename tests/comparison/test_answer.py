"""A comparison names the model to use: by validation, unless another one is clearly ahead of it in the test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import weighed

from recbole_metarec.comparison.compare import Comparison
from recbole_metarec.comparison.description import Description
from recbole_metarec.comparison.page import html_page
from recbole_metarec.comparison.summary import summarize
from recbole_metarec.comparison.text_report import text_report
from recbole_metarec.evaluation.targets import Targets
from recbole_metarec.runs.delivery import Delivery
from recbole_metarec.runs.result import RunResult

N_USERS = 300
TARGETS = Targets(np.array([f"u{n}" for n in range(N_USERS)], dtype=object), np.array(["i"] * N_USERS, dtype=object))


def run(label: str, share: float, valid: float, seed: int) -> RunResult:
    """Make a run that finds so large a share of the targets in the first place."""
    model, _, behind = label.partition(":")
    variant = (behind or "transfer") if model == "MetaRec" else None
    found = (np.random.default_rng(seed).permutation(N_USERS) < share * N_USERS).astype(np.int64)
    sources = ["s"] if variant == "transfer" else []
    metrics: dict[str, Any] = {"valid": {"ndcg@10": valid}, "test": {"ndcg@10": share}}
    both = {"ranks": found, "other_ranks": found, "valid_ranks": found, "valid_other_ranks": found}
    return RunResult(
        model,
        variant,
        "d",
        sources,
        seed,
        False,
        **metrics,
        n_users=N_USERS,
        n_targets=N_USERS,
        targets=TARGETS,
        **both,
    )


def comparison(shares: dict[str, float], delivered: tuple[str, ...] = ()) -> Comparison:
    """Compare models whose validation is what they find in the test; of MetaRec these variants are to be used."""
    runs = {label: {seed: run(label, share, share, seed) for seed in (1, 2, 3)} for label, share in shares.items()}
    used = dict(zip((1, 2, 3), delivered, strict=False))
    deliveries = {"MetaRec": {seed: Delivery(runs[label][seed], False, "NDCG@10", {}) for seed, label in used.items()}}
    reference = "MetaRec:scratch" if "MetaRec:scratch" in shares else next(iter(shares))
    return Comparison(
        {"dataset": "d"}, [], reference, [1, 2, 3], runs, {}, Description("d"), deliveries if used else {}, samples=400
    )


BOTH = {"MetaRec": 0.5, "MetaRec:scratch": 0.3}
MOSTLY = ("MetaRec", "MetaRec:scratch", "MetaRec")


@pytest.mark.parametrize(
    ("shares", "delivered", "wanted"),
    [
        (BOTH, MOSTLY, "Data of the other domains help here"),
        (BOTH, MOSTLY, "Use MetaRec, which learnt from the other domains as well."),
        ({"MetaRec": 0.3, "MetaRec:scratch": 0.5}, ("MetaRec:scratch",) * 3, "Data of the other domains hurt here"),
        ({**BOTH, "Pop": 0.2}, MOSTLY, "ahead of Pop, the best of RecBole's models (95%"),
        ({**BOTH, "Pop": 0.2, "BPR": 0.1}, MOSTLY, "ahead of Pop, the best of RecBole's models (95%"),
        ({**BOTH, "Pop": 0.9}, MOSTLY, "Use Pop, the best of the others: MetaRec is"),
        ({**BOTH, "Pop": 0.1, "Memory": 0.9}, MOSTLY, "Use Memory, the best of the others: MetaRec is"),
        ({**BOTH, "Pop": 0.1, "Memory": 0.2}, MOSTLY, "ahead of Pop, the best of RecBole's models (95%"),
        ({**BOTH, "Memory": 0.1}, MOSTLY, "ahead of Memory, the best of the others (95%"),
        ({"Pop": 0.3, "BPR": 0.6}, (), "Use BPR; it is 100.0% ahead of Pop, the best of RecBole's models (95%"),
    ],
)
def test_the_answer_names_what_holds_and_what_to_use(
    shares: dict[str, float], delivered: tuple[str, ...], wanted: str
) -> None:
    found = comparison(shares, delivered)
    summary = summarize(found)
    assert wanted in summary.answer.said
    printed = text_report(found, summary).splitlines()
    assert summary.answer.said == printed[2]
    assert summary.answer.meaning in printed


def test_one_model_alone_gives_no_answer() -> None:
    assert summarize(comparison({"Pop": 0.3})).answer.said == ""


def test_variants_that_are_to_be_used_equally_often_give_way_to_the_simplest() -> None:
    summary = summarize(comparison(BOTH, ("MetaRec", "MetaRec:scratch")))
    assert "Use MetaRec:scratch, trained on the target alone" in summary.answer.said


def with_diagnostics(**diagnostics: Any) -> Comparison:
    found = comparison(BOTH, MOSTLY)
    for seed, each in found.runs["MetaRec"].items():
        found.runs["MetaRec"][seed] = replace(each, diagnostics=diagnostics, unseen_targets=0.125)
    return found


def test_text_and_page_say_what_evidence_was_worth_and_which_targets_nobody_knew() -> None:
    found = with_diagnostics(evidence=weighed.evidence())
    summary = summarize(found)
    printed, page = text_report(found, summary, markdown=True), html_page(found, summary)
    for text in (printed, page):
        assert "12.5% of the test targets nobody had on a day before the request." in text
        assert "learnt on beauty (75%), toys (25%)" in text
    assert "| without counts of the last days" in printed
    assert "-12.0%" in printed


@pytest.mark.parametrize("unsteady", [0.0, 0.4])
def test_sources_are_ranked_only_if_their_weights_differ(unsteady: float) -> None:
    signs = [1, -1, 1, -1]
    history = [{"dull": 0.4 + unsteady * sign, "near": 0.6 - unsteady * sign} for sign in signs]
    found = with_diagnostics(source_weights={"dull": 0.4, "near": 0.6}, weight_history=history)
    summary = summarize(found)
    assert list(summary.weights["MetaRec"].means) == (["dull", "near"] if unsteady else ["near", "dull"])
    ranked = "MetaRec weighs near most (0.600) and dull least (0.400)."
    alike = "MetaRec weighs its sources alike, as far as can be told (0.400 to 0.600)."
    assert [said for said in summary.answers if "weighs" in said] == [alike if unsteady else ranked]
