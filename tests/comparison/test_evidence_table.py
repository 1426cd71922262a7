"""The table of evidence on the page holds the products of weights and contexts, and what was lost."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from weighed import SITUATIONS, evidence, weights

from recbole_metarec.comparison.evidence_table import evidence_table, panels_of, spell_kind
from recbole_metarec.evidence.kinds import KINDS


class Table(HTMLParser):
    """Cells of each row by their text, and the titles of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")
            self.titles += [str(value) for name, value in attributes if name == "title"]

    def handle_data(self, data: str) -> None:
        self.rows[-1][-1] += data


def test_cells_are_weights_times_contexts() -> None:
    known = evidence()
    table = Table(evidence_table(known))
    rows = {row[0]: row for row in table.rows}
    assert table.rows[0] == ["evidence", "NDCG@10lost without it", "as it is used", "beauty (75%)", "toys (25%)"]
    assert table.rows[1] == list(SITUATIONS) * 3
    expected = np.array(known["weights"]) @ np.array(list(SITUATIONS.values())).T
    counts = rows["how many in the last 30 days"]
    assert counts[-12:-8] == [f"{value:.1f}" for value in expected[KINDS.index("last 30 days")]]
    assert rows["popularity"][-8:-4] == ["-3.0"] * 4
    assert (
        f"as it is used, how many in the last 30 days, after a month: {expected[KINDS.index('last 30 days'), 1]:+.2f}"
        in table.titles
    )
    assert "12.0%" in counts[1]
    assert set(rows) & {spell_kind(kind) for kind in KINDS} == {
        spell_kind(kind)
        for kind in ("transitions", "last 30 days", "popularity")  # all others count nothing
    }


def test_what_goes_together_on_a_day_has_no_cell_on_later_days() -> None:
    (panel,) = panels_of(evidence(weights(same_day=1.0), sources={}))
    assert ("same day", "same day") in panel.counts
    assert ("same day", "after a month") not in panel.counts


@pytest.mark.parametrize(("n_sources", "n_tables"), [(0, 1), (2, 1), (3, 2), (8, 3)])
def test_many_sources_go_on_below(n_sources: int, n_tables: int) -> None:
    source = {"pull": 1 / max(1, n_sources), "weights": weights(popularity=1.0).tolist()}
    text = evidence_table(evidence(sources={f"<s{number}>": source for number in range(n_sources)}))
    assert text.count("<table") == text.count("</table>") == n_tables
    assert text.count("lost without it") == 1
    assert len(re.findall("&lt;s", text)) >= n_sources
    assert "<s" not in text.replace("<span", "").replace("<svg", "")


def test_nothing_is_drawn_of_what_nobody_knows() -> None:
    assert evidence_table(evidence(situations={})) == ""
    assert "lost without it" not in evidence_table(evidence(worth=None))
