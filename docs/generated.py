"""Pages that are made of the code: a reference of all settings, and one of all commands.

The directive ``settings`` lists the settings of every model, of one, or what its presets set; ``commands`` lists
subcommands. Both ask the classes that the program itself asks, so that the pages cannot say something else.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import click
import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from recbole_metarec.cli.help import RawCommand, of_settings
from recbole_metarec.cli.main import cli
from recbole_metarec.configuration.recbole_settings import RecBoleSettings
from recbole_metarec.models import SPECS
from recbole_metarec.settings.base import Documented, documented, words_of
from recbole_metarec.settings.shared import SharedSettings

PROPERTIES = Path(__file__).parent.parent / "properties"


def section(title: str, name: str, *content: nodes.Node) -> nodes.section:
    """Make a section that other pages can link to by its name."""
    return nodes.section("", nodes.title(title, title), *content, ids=[nodes.make_id(name)], names=[name])


def definitions(rows: Iterable[tuple[Sequence[nodes.Node], Sequence[nodes.Node]]]) -> nodes.definition_list:
    """Make a list of terms, each with what is said of it."""
    items = []
    for term, said in rows:
        items.append(nodes.definition_list_item("", nodes.term("", "", *term), nodes.definition("", *said)))
    return nodes.definition_list("", *items)


def paragraph(*parts: str | nodes.Node) -> nodes.paragraph:
    """Make a paragraph of texts and of what else stands in a line."""
    return nodes.paragraph("", "", *(nodes.Text(part) if isinstance(part, str) else part for part in parts))


def code(text: str) -> nodes.literal:
    """Make a piece of code within a line."""
    return nodes.literal(text, text)


# -- settings ---------------------------------------------------------------------------------------------------------


class SettingsDirective(SphinxDirective):
    """Settings by group: ``shared``, ``recbole``, or a model's own."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the sections."""
        name = self.arguments[0]
        groups = groupby(fields_of(name), key=lambda each: each.group)
        return [
            section(group, f"{name} {group}", definitions(self.described(name, each) for each in of_group))
            for group, of_group in groups
        ]

    def described(self, name: str, each: Documented) -> tuple[list[nodes.Node], list[nodes.Node]]:
        """Say what a field is: its default, unless RecBole has it, what it does, what it may be."""
        anchor = nodes.make_id(f"{name}-{each.key}")
        what = each.key if name == "shared" else f"{each.key} ({'RecBole' if name == 'recbole' else name})"
        index = addnodes.index(entries=[("single", what, anchor, "", None)])
        term: list[nodes.Node] = [index, nodes.target("", "", ids=[anchor]), code(each.key)]
        if name != "recbole":
            term += [nodes.Text(" = "), code(written(each.field.default))]
        said: list[nodes.Node] = [paragraph(each.help)] if each.help else []
        may_be = words_of(each.field)
        rest: list[str | nodes.Node] = [] if may_be in ("", "text") else [f"{may_be[0].upper()}{may_be[1:]}. "]
        if each.source:
            rest += [nodes.emphasis("", "Default from:"), f" {each.source.rstrip('.')}."]
        if rest:
            said.append(paragraph(*rest))
        return term, said


def fields_of(name: str) -> Iterator[Documented]:
    """List what a page shows: of a model, what the shared settings lack or have another default for."""
    if name == "shared":
        yield from documented(SharedSettings)
    elif name == "recbole":
        for each in documented(RecBoleSettings):
            owner = next(part for part in RecBoleSettings.__mro__ if each.key in vars(part).get("__annotations__", {}))
            yield each._replace(group=(owner.__doc__ or "").rstrip("."))
    else:
        shared = SharedSettings.defaults()
        for each in documented(SPECS[name].settings):
            if each.key not in shared or each.field.default != shared[each.key]:
                yield each


def written(value: Any) -> str:
    """Write a value as a property file has it."""
    if value is None:
        return "~"
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n").strip()


# -- presets ----------------------------------------------------------------------------------------------------------


class PresetDirective(Directive):
    """What a preset of a model sets, with the comment that stands above each value in its file."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        """Make a paragraph of the file's head, and a list of its values."""
        model, preset = self.arguments
        head, rows = read_preset(PROPERTIES / SPECS[model].presets[preset])
        listed = [([code(key), nodes.Text(" = "), code(value)], [paragraph(note)]) for key, value, note in rows]
        return [*map(paragraph, head), definitions(listed)]


def read_preset(path: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Read the paragraphs of a preset's head, and key, value and comment of each of its lines."""
    head: list[str] = []
    rows: list[tuple[str, str, str]] = []
    note: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            if not line.rstrip().endswith("----"):
                note.append(line.lstrip("# "))
                if line.strip() == "#":
                    head.append(" ".join(note).strip())
                    note = []
        elif line.strip():
            key, _, value = line.partition(":")
            rows.append((key, value.strip(), " ".join(note)))
            note = []
        elif note and not rows:
            head.append(" ".join(note))
            note = []
    return [text for text in head if text], rows


# -- commands ---------------------------------------------------------------------------------------------------------


class CommandsDirective(SphinxDirective):
    """Every subcommand with its usage, what it does, and its options."""

    def run(self) -> list[nodes.Node]:
        """Make a section for each."""
        return [*self.sections(cli, "recbole-metarec")]

    def sections(self, group: click.Group, path: str) -> Iterator[nodes.section]:
        """Make those of a group."""
        for name, command in group.commands.items():
            place = f"{path} {name}"
            if isinstance(command, click.Group):
                said = paragraph(command.help or "")
                yield section(place, place, said, *self.sections(command, place))
            else:
                yield section(place, place, *self.described(command, place))

    def described(self, command: click.Command, place: str) -> Iterator[nodes.Node]:
        """Say how a command is called."""
        context = click.Context(command, info_name=place)
        usage = " ".join([place, *command.collect_usage_pieces(context)])
        yield nodes.literal_block(usage, usage, language="text")
        yield from (paragraph(" ".join(part.split())) for part in textwrap.dedent(command.help or "").split("\n\n"))
        if not isinstance(command, RawCommand):
            found = (each.get_help_record(context) for each in command.get_params(context))
            yield definitions(([code(names)], [paragraph(help)]) for names, help in filter(None, found))
        elif command.sections is of_settings:
            to_settings = addnodes.pending_xref(
                "", nodes.inline("", "Settings"), refdoc=self.env.docname, refdomain="std", reftype="doc",
                reftarget="settings", refexplicit=True, refwarn=True,
            )  # fmt: skip
            yield paragraph("Any setting is an option: see ", to_settings, ".")
        else:
            for _, rows in command.sections(()):
                yield definitions(([code(names)], [paragraph(help)]) for names, help in rows)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives."""
    app.add_directive("settings", SettingsDirective)
    app.add_directive("preset", PresetDirective)
    app.add_directive("commands", CommandsDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
