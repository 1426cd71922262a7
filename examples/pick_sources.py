"""Which of several shops help: what each counts, and what is lost without it.

python examples/pick_sources.py
"""

from made_up_tables import write_datasets

import recbole_metarec as rm
from recbole_metarec.comparison.summary import summarize

settings = write_datasets("made-up", share=0.8)  # from 30 later interactions of the target on, sources are weighed

# leave_one_out also learns without each of the sources. evidence_rows says on how many interactions of each; fewer are
# faster.
comparison = rm.compare(["Evidence"], settings, leave_one_out=True, evidence_rows=500)
summary = summarize(comparison)

# What a source counts: the better its habits suit the target's own purchases, the more. It costs nothing to look at.
evidence = comparison.runs["Evidence"][2020].diagnostic("evidence")
print("what each source counts")
for name, source in sorted(evidence["sources"].items(), key=lambda pair: -pair[1]["pull"]):
    print(f"  {name:8} {source['pull']:.0%}")

# What a source adds to the others: NDCG@10 with it beside NDCG@10 without. Sources that are alike can stand in for each
# other, so that none of them may add much while together they do: look at both.
print("what each source adds")
for effect in summary.sources:
    change = effect.change
    print(f"  {effect.against:24} {change.relative:+.1%} ({change.low:+.1%} to {change.high:+.1%}), {effect.verdict}")

# All of them together, against none.
for effect in summary.transfers:
    change = effect.change
    print(f"all of them: {change.relative:+.1%} ({change.low:+.1%} to {change.high:+.1%})")
