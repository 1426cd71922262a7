"""A comparison of several models, its page, and how to read what it says.

python examples/read_the_report.py
"""

from pathlib import Path

from made_up_tables import write_datasets

import recbole_metarec as rm
from recbole_metarec.comparison.report_file import write_report
from recbole_metarec.comparison.summary import summarize

settings = write_datasets("made-up")

# This package's models and RecBole's, on the same target, the same split, the same candidates. On the command line:
# recbole-metarec compare --model=Evidence,Pop --seeds=2 --report=report.html
comparison = rm.compare(["Evidence", "Pop"], settings, seeds=2)
summary = summarize(comparison)

# 1. The page: open it in a browser, send it to somebody. It needs no network.
write_report(Path("report.html"), comparison, summary)

# 2. Its first sentence answers the question; the others say what to do next, and what the metric is.
print(summary.answer.said)
print(summary.answer.next_step)

# 3. Means over seeds say how good each model is here, on the targets that all of them had to find.
for row in summary.rows:
    print(f"{row.label:20} {row.means['ndcg@10']:.4f} ± {row.spreads['ndcg@10']:.4f}")

# 4. Differences count with their interval, over users and seeds: one that reaches across zero is no clear difference.
#    p is corrected for the number of comparisons (Holm).
for effect in [*summary.transfers, *summary.effects]:
    change = effect.change
    interval = f"{change.low:+.1%} to {change.high:+.1%}"
    print(f"{effect.label} against {effect.against}: {change.relative:+.1%} ({interval}), p {effect.adjusted_p:.4f}")

# 5. Where the result comes from, step by step.
for step in summary.steps:
    print(f"with {step.part}: {step.mean:.4f}")
