"""How much memory there is, and what does not fit said before it is asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from recbole_metarec.errors import UserError

_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


class TooLarge(UserError):
    """What needs more memory than there is."""


def memory_size() -> int:
    """Return the bytes of memory that this machine, or the container, has."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in _LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            sizes.append(int(Path(limit).read_text(encoding="ascii")))
    return min(sizes)


def in_words(n_bytes: float) -> str:
    """Write a size, as in ``3.2 GB``."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.0f} MB"
