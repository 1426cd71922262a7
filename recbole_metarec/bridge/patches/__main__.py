"""Print the page that lists all patches."""

from __future__ import annotations

from collections.abc import Iterator

from recbole_metarec.bridge.patches import PATCHES

_HEAD = """\
# Patches

Importing `recbole_metarec` makes these changes to RecBole 1.2.1 and to libraries that it calls, in this order. The
code of each is the module of its name in `recbole_metarec/bridge/patches`, and this page is made of the table there.

| patch | what is changed | why | needless with | RecBole's threads |
|---|---|---|---|---|
"""

_FOOT = """
For the time of a run, `recbole_metarec/runs/run.py` makes the progress bars within RecBole's epochs vanish when they
are full, and closes the log files of earlier runs, which RecBole leaves open.
"""


def page() -> str:
    """Return the page, in Markdown."""
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in _rows()) + _FOOT


def _rows() -> Iterator[tuple[str, ...]]:
    for patch in PATCHES:
        threads = (f"[#{number}](https://github.com/RUCAIBox/RecBole/issues/{number})" for number in patch.upstream)
        yield f"`{patch.name}`", patch.what, patch.why, patch.until, ", ".join(threads)


if __name__ == "__main__":
    print(page(), end="")
