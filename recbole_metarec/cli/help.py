"""Help that is written from the classes of settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from recbole_metarec.errors import UserError

if TYPE_CHECKING:
    from recbole_metarec.settings.base import Documented

Rows = Iterable[tuple[str, str]]
Section = tuple[str, Rows]

# Groups of shared settings that stand in the help of a model alone.
_RARE = ("Features of items", "Adapter of features", "Evidence")


class Group(click.Group):
    """Subcommands; a name that is none of them is a line that lists them."""

    alternative = ""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a subcommand; see ``click.Group``."""
        if args[0] not in self.commands:
            known = f"{', '.join(self.commands)}{self.alternative}"
            raise UserError([f"{args[0]}: no such command; write one of {known}"])
        return super().resolve_command(ctx, args)


class RawCommand(click.Command):
    """A command that reads its arguments itself.

    Parameters
    ----------
    sections : callable
        Gives the sections of its help, told the arguments beside the wish for help.
    usage : str
        What stands behind its name.
    **attributes
        Of ``click.Command``.
    """

    def __init__(self, sections: Callable[[Sequence[str]], Iterable[Section]], usage: str, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.sections, self.usage = sections, usage

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take all arguments as they are, but for a wish for help."""
        if {"-h", "--help"} & {*args}:
            ctx.obj = args
            click.echo(self.get_help(ctx))
            ctx.exit()
        ctx.params["arguments"] = tuple(args)
        return []

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Say what stands behind the command's name."""
        return [self.usage]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections."""
        for title, rows in self.sections(ctx.obj):
            with formatter.section(title):
                formatter.write_dl([*rows])


def command(sections: Callable[[Sequence[str]], Iterable[Section]], usage: str) -> Callable[[Any], RawCommand]:
    """Make a `RawCommand` of a function of its arguments, whose docstring is its description."""

    def make(function: Any) -> RawCommand:
        name = function.__name__.removesuffix("_")
        return RawCommand(sections, usage, name=name, callback=function, help=function.__doc__)

    return make


def of_settings(arguments: Sequence[str]) -> Iterator[Section]:
    """Give the settings of this package, and of the model that the arguments name, by group."""
    from recbole_metarec.models import SPECS, listed_models
    from recbole_metarec.settings.base import documented
    from recbole_metarec.settings.shared import SharedSettings

    model = _model_among(arguments)
    fields = [each for each in documented(SharedSettings) if each.group not in _RARE]
    if model in SPECS:
        shared = {each.key for each in fields}
        fields += [each for each in documented(SPECS[model].settings) if each.key not in shared]
    names = ", ".join(listed_models())
    yield "Model", [("--model", f"{names}, or a sequential or general model of RecBole; several with commas.")]
    for group, of_group in groupby(fields, key=lambda each: each.group):
        yield group, [*map(row, of_group)]
    yield (
        "Files",
        [
            ("--data_path", "Folder that holds each domain as NAME/NAME.inter. [default: dataset/]"),
            ("--checkpoint_dir", "Folder that trained models go to. [default: saved]"),
            ("--config_files", "YAML files of settings; what the command line says counts more."),
        ],
    )
    if model not in SPECS:
        yield "More", [("--model=MetaRec --help", "The settings of a model, too. All other keys are RecBole's own.")]


def row(described: Documented) -> tuple[str, str]:
    """Describe a field: what it does, what it may be, its default and where that comes from."""
    from recbole_metarec.settings.base import words_of

    default = "~" if described.field.default is None else described.field.default
    parts = (f"default: {default}", words_of(described.field), described.source)
    return f"--{described.key}", f"{described.help} [{'; '.join(filter(None, parts))}]"


def _model_among(arguments: Sequence[str]) -> str:
    for place, word in enumerate(arguments):
        if word.startswith("--model="):
            return word.partition("=")[2]
        if word == "--model" and place + 1 < len(arguments):
            return arguments[place + 1]
    return ""
