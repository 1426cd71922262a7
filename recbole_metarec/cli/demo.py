"""The command that shows what the package does on a world of which the answer is known."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from recbole_metarec.cli.arguments import parse_arguments
from recbole_metarec.cli.interrupts import ending_at_once
from recbole_metarec.cli.training import compared, show

_REPORT = "report.html"


@click.command()
@click.option("--folder", default="demo", show_default=True, help="Where everything goes.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=2020, show_default=True, help="Another makes another world."
)
@click.option("--overwrite", is_flag=True, help="Replace files of the world that were changed since.")
def demo(folder: str, seed: int, overwrite: bool) -> int:
    """See transfer at work on small shops that are made up, in about half a minute.

    What should be found is known, and stands beside what was found. The shops stay, to go on with.
    """
    with ending_at_once():
        from recbole_metarec.demo.files import SETTINGS, write_world
        from recbole_metarec.demo.world import World
    world, place = World(seed), Path(folder)
    write_world(world, place, overwrite)
    settings, report = place / SETTINGS, place / _REPORT
    with ending_at_once():  # what trains takes seconds to import
        from recbole_metarec.comparison.report_file import write_report
        from recbole_metarec.comparison.text_report import text_report
        from recbole_metarec.demo import texts
    words = [*texts.question(settings), f"--report={report}"]
    print(texts.planted(world), "", f"$ recbole-metarec compare {shlex.join(words)}", sep="\n", flush=True)
    comparison, summary = compared(parse_arguments(words), [texts.MODEL])
    if comparison.failures:
        return show(text_report(comparison, summary), []) or 1
    checkpoint = Path(str(comparison.runs[texts.MODEL][comparison.seeds[0]].checkpoint))
    parts = ["", texts.found(world, comparison, summary), "", texts.recommended(world, checkpoint), ""]
    write = [(f"report: {report}", lambda: write_report(report, comparison, summary))]
    return show("\n".join(parts), write) or show(texts.next_commands(world, settings, checkpoint), [])
