"""The table of evidence on the page holds the products of weights and contexts, and what was lost."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from weighed import SITUATIONS, evidence, weights

from recbole_metarec.comparison.evidence_table import evidence_table, panels_of, spell_kind
from recbole_metarec.evidence.kinds import KINDS

BAR = r'class="bar" x1="([\d.]+)" x2="([\d.]+)"'


class Table(HTMLParser):
    """Cells of each row by their text, and the titles of cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.titles: list[str] = []
        self.feed(text)

    def split_at(self, heads: list[list[str]]) -> list[list[list[str]]]:
        """Return the rows of each table, the first of which are given."""
        begins = [self.rows.index(head) for head in heads]
        return [self.rows[begin:end] for begin, end in zip(begins, [*begins[1:], None], strict=True)]

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
    heads = [row for row in table.rows if row[0] == "evidence"]
    assert heads == [
        ["evidence", last] for last in ("NDCG@10 lost without it", "as it is used", "beauty (75%)", "toys (25%)")
    ]
    lost, used, beauty, _ = table.split_at(heads)
    assert used[1] == list(SITUATIONS)
    expected = np.array(known["weights"]) @ np.array(list(SITUATIONS.values())).T
    rows = {row[0]: row[1:] for row in used}
    assert rows["how many in the last 30 days"] == [f"{value:.1f}" for value in expected[KINDS.index("last 30 days")]]
    assert {row[0]: row[1:] for row in beauty}["popularity"] == ["-3.0"] * 4
    assert (
        f"as it is used, how many in the last 30 days, after a month: {expected[KINDS.index('last 30 days'), 1]:+.2f}"
        in table.titles
    )
    assert {row[0]: row[-1] for row in lost}["counts of the last days"] == "12.0%"
    assert set(rows) & {spell_kind(kind) for kind in KINDS} == {
        spell_kind(kind)
        for kind in ("transitions", "last 30 days", "popularity")  # all others count nothing
    }


def test_what_goes_together_on_a_day_has_no_cell_on_later_days() -> None:
    (panel,) = panels_of(evidence(weights(same_day=1.0), sources={}))
    assert ("same day", "same day") in panel.counts
    assert ("same day", "after a month") not in panel.counts


@pytest.mark.parametrize("n_sources", [0, 2, 8])
def test_each_source_has_a_table_that_can_be_opened(n_sources: int) -> None:
    source = {"pull": 1 / max(1, n_sources), "weights": weights(popularity=1.0).tolist()}
    text = evidence_table(evidence(sources={f"<s{number}>": source for number in range(n_sources)}))
    assert text.count("<table") == text.count("</table>") == n_sources + 2
    assert text.count("<details>") == int(n_sources > 0)
    assert text.count("lost without it") == 1
    assert len(re.findall("&lt;s", text)) >= n_sources
    assert "<s" not in text.replace("<span", "").replace("<svg", "").replace("<summary", "")


def test_one_wide_interval_does_not_flatten_the_others() -> None:
    known = evidence()
    bars = [float(end) - float(begin) for begin, end in re.findall(BAR, evidence_table(known))]
    known["worth"]["errors"]["popularity"] = 3.0
    wide = [float(end) - float(begin) for begin, end in re.findall(BAR, evidence_table(known))]
    assert max(wide) > max(bars) / 4


def test_nothing_is_drawn_of_what_nobody_knows() -> None:
    assert evidence_table(evidence(situations={})) == ""
    assert "lost without it" not in evidence_table(evidence(worth=None))
