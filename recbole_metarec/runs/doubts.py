"""What a finished run gives cause to doubt, and what to change."""

from __future__ import annotations

import math
from collections.abc import Iterator

from recbole_metarec.runs.result import RunResult

# Of the codes that the items could use, so few are a collapse.
_USED = 0.1
# So many standard errors lie between half of its meta steps and those in which a source opposes the target: of sources
# that do so by chance, one in 700 is named.
_BEYOND_CHANCE = 3


def doubts(run: RunResult) -> Iterator[str]:
    """List what is doubtful, a line each: codebooks of which little is used, sources that hurt, validation that ties.

    Parameters
    ----------
    run : RunResult

    Yields
    ------
    str
    """
    usage = run.diagnostic("codebook")
    if usage and usage["share"] < _USED * usage["attainable"]:
        yield (
            f"codebooks have collapsed, {usage['share']:.1%} of the codes are in use; raise dead_code_threshold, "
            "lower codebook_size or learning_rate, or leave the quantizer out with --quantizer=False"
        )
    check = "compare with --leave_one_out=True, or take it out of source_datasets"
    if len(run.source_datasets) == 1:
        check = "the comparison with the model from scratch says whether it does"
    for name, seen in (run.diagnostics.get("opposed_sources") or {}).items():
        steps, opposed = seen["steps"], seen["opposed"]
        if opposed - steps / 2 > _BEYOND_CHANCE * math.sqrt(steps) / 2:
            yield (
                f"{name} may hurt: its meta gradients oppose the target's in {opposed:,} of {steps:,} steps; {check}"
            )
    if len(run.curve) > 1 and len({*run.curve}) == 1:
        yield (
            f"validation says nothing: each of {len(run.curve)} evaluations found {run.curve[0]:g}, so that the last "
            "epoch counts as the best; validate on more users, with a longer topk or another valid_metric"
        )
