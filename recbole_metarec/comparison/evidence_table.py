"""How evidence is weighed and what it was worth, as tables of coloured cells and bars for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from recbole_metarec.comparison.plots import axis_bound
from recbole_metarec.evidence.situations import LENGTHS, occurs, trust
from recbole_metarec.evidence.weights import MODEL
from recbole_metarec.evidence.worth import GROUPS
from recbole_metarec.runs.evidence_text import bounds

_SPELT = {
    "transitions": "follows what the user had",
    "transitions that fade": "followed it lately",
    "same day": "goes with today's items",
    "age": "days since it was first had",
    "last seen": "days since it was last had",
    "repeat": "the user had it",
    "times had": "how often the user had it",
    "last had": "days since the user had it",
    MODEL: "the model's score",
}
_FIRST = ' class="first"'
_DARKEST = 0.75  # so that numbers in it can be read


def spell_kind(kind: str) -> str:
    """Write a kind of evidence so that it says of an item what it is."""
    return _SPELT.get(kind, f"how many in the {kind}" if kind.startswith("last ") else kind)


class Panel(NamedTuple):
    """What evidence counts, by what one domain taught.

    Attributes
    ----------
    title : str
    counts : dict of (str, str) to float
        By kind of evidence and situation.
    """

    title: str
    counts: dict[tuple[str, str], float]


def panels_of(evidence: Mapping[str, Any]) -> list[Panel]:
    """Return what evidence counts in the end, then what each source taught, those that pull most first."""
    ranked = sorted(evidence["sources"].items(), key=lambda pair: -pair[1]["pull"])
    titled = [("as it is used", evidence["weights"])]
    titled += [(f"{name} ({source['pull']:.0%})", source["weights"]) for name, source in ranked]
    return [
        Panel(
            title,
            {
                (kind, situation): value
                for situation, context in evidence["situations"].items()
                for kind, value in zip(evidence["kinds"], trust(weights, context), strict=False)
                if occurs(kind, situation)
            },
        )
        for title, weights in titled
    ]


def evidence_table(evidence: Mapping[str, Any]) -> str:
    """Draw what is lost without a kind of evidence, and what each counts in each situation.

    Parameters
    ----------
    evidence : mapping
        See `recbole_metarec.evidence.learning.Learnt.plain`.

    Returns
    -------
    str
        A ``<table>`` of losses, one of what evidence counts as it is used, and one for what each source taught; empty
        where nothing is known of the target's requests.
    """
    if not evidence["situations"]:
        return ""
    panels = panels_of(evidence)
    shown = {kind for panel in panels for (kind, _), value in panel.counts.items() if value}
    groups = {name: [kind for kind in kinds if kind in shown] for name, kinds in GROUPS.items()}
    largest = max(map(abs, panels[0].counts.values())) or 1.0
    used, *taught = (_table(panel, groups, list(evidence["situations"]), largest) for panel in panels)
    losses = _losses(evidence["worth"], groups) if evidence["worth"] else ""
    parts = [f'<div class="panels">{losses}{used}</div>']
    if taught:
        title = f"What each source taught ({len(taught)})"
        parts.append(f'<details><summary>{title}</summary><div class="panels">{"".join(taught)}</div></details>')
    return "".join(parts)


def _table(panel: Panel, groups: Mapping[str, list[str]], situations: list[str], largest: float) -> str:
    parts = ['<table class="evidence">', *_head(situations, panel)]
    for kinds in groups.values():
        for place, kind in enumerate(kinds):
            parts.append(f'<tr{_FIRST * (place == 0)}><th scope="row">{escape(spell_kind(kind))}</th>')
            parts += [_cell(panel, kind, name, largest) for name in situations]
            parts.append("</tr>")
    return "".join([*parts, "</tbody></table>"])


def _head(situations: list[str], panel: Panel) -> Iterator[str]:
    yield '<thead><tr><th scope="col" rowspan="2">evidence</th>'
    yield f'<th scope="colgroup" colspan="{len(situations)}">{escape(panel.title)}</th></tr><tr>'
    for name in situations:
        yield f'<th class="up{_place_of(name)}" scope="col"><span>{escape(name)}</span></th>'
    yield "</tr></thead><tbody>"


def _place_of(situation: str) -> str:
    """Return the class of a column that begins the second part."""
    return " apart" if situation == next(iter(LENGTHS)) else ""


def _cell(panel: Panel, kind: str, situation: str, largest: float) -> str:
    place = _place_of(situation)
    value = panel.counts.get((kind, situation))
    if value is None:
        return f'<td class="cell{place}"></td>'
    said = escape(f"{panel.title}, {spell_kind(kind)}, {situation}: {value:+.2f}")
    share = min(1.0, abs(value) / largest) * _DARKEST
    colour = f'<i class="{"more" if value > 0 else "less"}" style="opacity:{share:.2f}"></i>'
    return f'<td class="cell{place}" title="{said}">{colour}<span>{round(value, 1) + 0.0:.1f}</span></td>'


def _losses(worth: Mapping[str, Any], groups: Mapping[str, list[str]]) -> str:
    """Draw what is lost without each group as a bar with its interval; one that is wide does not flatten the rest."""
    every = {
        name: (loss, *bounds(loss, worth["errors"][name])) for name, loss in worth["losses"].items() if groups.get(name)
    }
    lowest, highest = (
        axis_bound([max(side * value for value in reach) for reach in every.values()]) for side in (-1, 1)
    )

    def x(value: float) -> float:
        return 2 + 136 * (min(max(value, -lowest), highest) + lowest) / (highest + lowest)

    rows = []
    for name, (loss, low, high) in every.items():
        title = _SPELT[MODEL] if name == MODEL else name
        said = f"without {escape(title)}: {loss:.1%} lost, 95% interval {low:+.1%} to {high:+.1%}"
        rows.append(
            f'<tr class="first"><th scope="row">{escape(title)}</th><td class="worth">'
            f'<svg class="worth {"clear" if low > 0 else ""}" viewBox="0 0 140 18" role="img" aria-label="{said}">'
            f'<title>{said}</title><line class="zero" x1="{x(0):.1f}" x2="{x(0):.1f}" y1="0" y2="18"/>'
            f'<line class="bar" x1="{x(0):.1f}" x2="{x(loss):.1f}" y1="9" y2="9"/>'
            f'<line class="range" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="9" y2="9"/></svg></td>'
            f"<td>{loss:.1%}</td></tr>"
        )
    head = (
        '<thead><tr><th scope="col">evidence</th><th scope="col" colspan="2">NDCG@10 lost without it</th></tr></thead>'
    )
    return f'<table class="evidence losses">{head}<tbody>{"".join(rows)}</tbody></table>'
