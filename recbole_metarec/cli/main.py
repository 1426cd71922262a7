"""The command ``recbole-metarec``: its subcommands, and what becomes of mistakes and interrupts."""

from __future__ import annotations

import shlex
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from recbole_metarec import __version__
from recbole_metarec.cli.amazon import amazon
from recbole_metarec.cli.arguments import pairs
from recbole_metarec.cli.convert import convert
from recbole_metarec.cli.demo import demo
from recbole_metarec.cli.export import export
from recbole_metarec.cli.help import Group
from recbole_metarec.cli.inspect import inspect
from recbole_metarec.cli.interrupts import be_deaf, status_of
from recbole_metarec.cli.listing import list_
from recbole_metarec.cli.pipes import forget_unread
from recbole_metarec.cli.serving import serve
from recbole_metarec.cli.telling import end, heard, is_one_of_several, is_to_speak, is_to_tell
from recbole_metarec.cli.training import compare, run, tune
from recbole_metarec.cli.using import recommend, similar
from recbole_metarec.errors import Lost, UserError


class _Commands(Group):
    """The subcommands, of which ``run`` may be left out before ``--key=value``."""

    alternative = ", or --key=value"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("--") and args[0] not in ("--help", "--version"):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Interrupted(interrupt) from interrupt


class Interrupted(BaseException):
    """An interrupt; click would print a line of its own."""

    def __init__(self, interrupt: KeyboardInterrupt) -> None:
        super().__init__()
        word, self.status = status_of(interrupt)
        self.said = [word, *map(str, interrupt.args)]


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Transferable sequential recommendation for RecBole."""


for subcommand in (demo, run, compare, tune, recommend, similar, serve, export, inspect, list_, convert, amazon):
    cli.add_command(subcommand)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; ``sys.argv`` by default.

    Returns
    -------
    int
        Exit status: 0, 1 if training broke off or nobody reads what is printed, 2 for a user's mistake, 130 after an
        interrupt, 143 after SIGTERM.
    """
    try:
        status = _main(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        forget_unread()
        return end(1)  # as click does


def _main(arguments: Sequence[str] | None) -> int:
    program = _program() if arguments is None else "recbole-metarec"
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    threading.excepthook = _tell_of_thread
    try:
        return int(cli.main(arguments, program, standalone_mode=False) or 0)
    except Lost as error:
        be_deaf()
        if is_to_speak():
            print("; ".join([f"error: {error}", *_how_to_go_on(program, arguments)]), file=sys.stderr)
        return end(1)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UserError as error:
        if is_to_tell(error.problems[0]):
            print(*(f"error: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        if is_to_tell(str(error)):
            print(f"error: training broke off: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        from recbole_metarec.files import what_failed

        if is_to_tell(what_failed(error)):
            print(f"error: {what_failed(error)}", file=sys.stderr)
        return 1
    except Interrupted as interrupt:
        if is_to_speak():
            print("; ".join([*interrupt.said, *heard(), *_how_to_go_on(program, arguments)]), file=sys.stderr)
        return end(interrupt.status)
    except Exception as error:
        is_to_tell(f"{type(error).__name__}: {error}")
        raise


def _program() -> str:
    """Return what the command line begins with."""
    name = sys.argv[0]
    if Path(name).name == "__main__.py":
        return "python -m recbole_metarec"
    return f"python {shlex.quote(name)}" if name.endswith(".py") else Path(name).name


def _how_to_go_on(program: str, arguments: Sequence[str]) -> list[str]:
    """Return what is to be written to go on, if the command trains."""
    begin = [word for word in arguments[:1] if not word.startswith("--")]
    if not arguments or (begin and begin[0] not in (run.name, compare.name, tune.name)):
        return []
    if is_one_of_several() and not any(word.partition("=")[0] == "--nproc" for word in arguments):
        return ["go on with the same command and --resume=auto"]
    settings = [f"--{key}={value}" for key, value in pairs(arguments[len(begin) :], []) if key != "resume"]
    return [f"go on with: {program} {shlex.join([*begin, *settings, '--resume=auto'])}"]


_stock_excepthook: Any = threading.excepthook


def _tell_of_thread(failed: threading.ExceptHookArgs) -> None:
    """Leave a full disk to the main thread, to which tensorboard's writer hands it on."""
    if not issubclass(failed.exc_type, OSError):
        _stock_excepthook(failed)
