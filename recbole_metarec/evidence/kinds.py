"""What is known of items and of requests by evidence that knows the clock: names, in the order of the arrays."""

from __future__ import annotations

from recbole_metarec.evidence.counts import WINDOWS

PAIRED = ("transitions", "transitions that fade", "transitions of all", "same day", "latent factors")
COUNTED = (*(f"last {days} days" for days in WINDOWS), "popularity", "age", "last seen")
REPEATED = ("repeat", "times had", "last had")
KINDS = (*PAIRED, *COUNTED, *REPEATED)
"""Names of what is known of each item.

Pairs: log of how much likelier than by popularity, the last of them as few factors make it of what goes with which.
Counts: log(1 + count), log of the share, half the log(1 + days). Repeats: whether the user had it, log of how often,
half the log(1 + days) since.
"""

CONTEXT = (
    *("always", "gap", "same day", "long history", "well known", "taste for what is hot", "taste for what is new"),
    "out of date",
)
"""Names of what is known of each request.

1, log(1 + days since the last item) / 3, whether that was today, log(length) / 3, share of its items' transitions that
is not popularity, how lately the items had been had by others before, how many by nobody, and log(1 + days since the
last that is counted) / 3.
"""
