"""What was planted in a world, what a comparison found of it, and what to type next."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
from tabulate import tabulate

from recbole_metarec.comparison.compare import Comparison, Runs
from recbole_metarec.comparison.protocols import protocols
from recbole_metarec.comparison.summary import Summary
from recbole_metarec.comparison.text_report import heading, opening
from recbole_metarec.demo.files import item_id, user_id
from recbole_metarec.demo.shops import Reason
from recbole_metarec.demo.world import World, date_of
from recbole_metarec.evaluation.ranking import Floats, metric_of_ranks
from recbole_metarec.evaluation.targets import Targets
from recbole_metarec.evaluation.wording import percent, spell
from recbole_metarec.inference.recommender import load
from recbole_metarec.runs.result import RunResult

MODEL = "Evidence"
_SCRATCH = f"{MODEL}:scratch"
_METRIC = "ndcg@10"
_K = 5


def question(settings: Path) -> list[str]:
    """Return what stands behind ``recbole-metarec compare``."""
    return [f"--config_files={settings}", f"--model={MODEL}", "--seeds=2"]


def planted(world: World) -> str:
    """Say what was planted in a world."""
    young, others = world.young.shop, world.unlike.shop
    alike = ", ".join(trade.shop.name for trade in world.alike)
    learnt = sum(date_of(each.day).isoformat() < world.points[0] for each in world.young.purchases)
    return f"""\
What was planted
- {young.name} sells {len(world.young.articles)} things for gardens. It is young: {learnt:,} purchases to learn from.
- {alike} are older shops of the kind, with articles and customers of their own, but the same
  habits: people come for what is in fashion that fortnight, or to replace what they used up; what they add goes with
  it.
- {others.name} sells spare parts: what comes next goes with what came before, and nothing is in fashion.
So what {alike} know should help {young.name}, and {others.name} should count least."""


def found(world: World, comparison: Comparison, summary: Summary) -> str:
    """Say what a comparison found: its answer, and what was planted beside what was found."""
    runs = protocols(comparison).headline.runs
    return "\n\n".join(
        [heading(comparison, summary), *opening(summary), _by_reason(world, runs), _sources(world, runs)]
    )


def _by_reason(world: World, runs: Runs) -> str:
    """Compare what models find of each kind of purchase."""
    labels = ["Memory", _SCRATCH, MODEL]
    targets = next(iter(runs[MODEL].values())).targets
    assert targets is not None
    reasons = reasons_of(world, targets)
    values = {label: np.mean([_values(run) for run in runs[label].values()], axis=0) for label in labels}
    rows = []
    for reason in Reason:
        of_reason = np.array([each is reason for each in reasons])
        if of_reason.any():
            means = [float(values[label][of_reason].mean()) for label in labels]
            change = percent(means[2] / means[1] - 1) if means[1] else "n/a"
            rows.append([reason.value, f"{of_reason.sum():,}", *(f"{mean:.4f}" for mean in means), change])
    header = ["why it was bought", "tested", *labels, "transfer"]
    return f"{spell(_METRIC)} by the reason that was planted\n{tabulate(rows, header, disable_numparse=True)}"


def _values(run: RunResult) -> Floats:
    assert run.ranks is not None
    return metric_of_ranks(_METRIC, run.ranks)


def reasons_of(world: World, targets: Targets) -> list[Reason]:
    """Find why each test target was bought."""
    shop, bought = world.young.shop, defaultdict[tuple[str, str], list[Reason]](list)
    for each in world.young.purchases:
        if date_of(each.day).isoformat() >= world.points[1]:
            bought[user_id(shop, each.customer), item_id(shop, each.article)].append(each.reason)
    return [bought[user, item][time] for user, item, time in targets.keys().to_list()]


def _sources(world: World, runs: Runs) -> str:
    """Say what each source counts, in the mean over seeds, beside what was planted."""
    every = [run.diagnostic("evidence")["sources"] for run in runs[MODEL].values()]
    pulls = {
        trade.shop.name: sum(sources[trade.shop.name]["pull"] for sources in every) / len(every)
        for trade in world.sources
    }
    rows = [
        [trade.shop.name, f"{pulls[trade.shop.name]:.0%}", "other" if trade is world.unlike else "the same"]
        for trade in sorted(world.sources, key=lambda trade: -pulls[trade.shop.name])
    ]
    header = ["source", "weight found", "habits planted"]
    return tabulate(rows, header, disable_numparse=True)


def recommended(world: World, checkpoint: Path) -> str:
    """Recommend for somebody who buys a bird feeder today, and say what was planted of each article."""
    trade, rec = world.young, load(checkpoint)
    bought = _feeder(world)
    (answer,) = rec.recommend([[item_id(trade.shop, bought)]], _K, at=str(date_of(world.today)))
    known = {item_id(trade.shop, number): Reason.FASHION.value for number in trade.in_fashion(world.today)}
    known |= {item_id(trade.shop, number): Reason.TOGETHER.value for number in trade.go_with[bought]}
    rows = [
        [each.item_id, rec.titles[each.item_id], f"{each.score:.2f}", known.get(each.item_id, "")] for each in answer
    ]
    who = f"{trade.articles[bought].title} ({item_id(trade.shop, bought)})"
    table = tabulate(rows, ["item", "title", "score", "what was planted"], disable_numparse=True)
    return f"For somebody who buys {who} on {date_of(world.today)}\n{table}"


def next_commands(world: World, settings: Path, checkpoint: Path) -> str:
    """List commands that go on from here."""
    feeder = item_id(world.young.shop, _feeder(world))
    at = f"--at={date_of(world.today)}"
    asked = question(settings)
    commands = {
        "everything that was measured": ["compare", *asked],
        "which of the sources it takes": ["compare", *asked, "--leave_one_out=True"],
        "the same question to MetaRec, which trains a network": ["run", asked[0], "--model=MetaRec"],
        "recommend": ["recommend", str(checkpoint), f"--sequence={feeder}", at],
        "a page to try it on": ["serve", str(checkpoint)],
        "your own data": ["convert", "data.csv", "--user=customer", "--item=sku", "--time=bought_at"],
    }
    lines = (f"# {what}\nrecbole-metarec {shlex.join(words)}" for what, words in commands.items())
    return "\n".join(["\nNext", *lines])


def _feeder(world: World) -> int:
    """Return the number of the bird feeder that is bought most."""
    young = world.young
    bought = Counter(each.article for each in young.purchases)
    return max((n for n, each in enumerate(young.articles) if each.category == "Bird feeders"), key=bought.__getitem__)
