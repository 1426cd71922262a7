"""What a finished run gives cause to doubt, and what to change."""

from __future__ import annotations

from collections.abc import Iterator

from recbole_metarec.runs.result import RunResult

# Of the codes that the items could use, so few are a collapse.
_USED = 0.1
# A source that opposes the target in more of its meta steps teaches less than it spoils.
_OPPOSED = 0.5


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
    opposed = run.diagnostics.get("opposed_sources") or {}
    for name, share in opposed.items():
        if share > _OPPOSED:
            yield (
                f"{name} may hurt: its meta gradients oppose the target's in {share:.0%} of its steps; compare with "
                "--leave_one_out=True, or take it out of source_datasets"
            )
    if len(run.curve) > 1 and len({*run.curve}) == 1:
        yield (
            f"validation says nothing: each of {len(run.curve)} evaluations found {run.curve[0]:g}, so that the last "
            "epoch counts as the best; validate on more users, with a longer topk or another valid_metric"
        )
