"""What filters may be told."""

from __future__ import annotations

from typing import Literal

Dedup = Literal["none", "exact", "first", "last"]

UNTIL_STABLE = 0
"""Number of k-core passes that stands for as many as it takes."""
