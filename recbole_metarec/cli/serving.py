"""The command that serves trained models over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from recbole_metarec.cli.arguments import check_flags, places_and_flags
from recbole_metarec.cli.help import Section, command
from recbole_metarec.cli.interrupts import ending_at_once
from recbole_metarec.errors import UserError


def _of_serve(arguments: Sequence[str]) -> Iterator[Section]:
    yield (
        "Options",
        [
            ("CHECKPOINT", "A trained model. Of several the first answers where a request names none."),
            ("--host", "Address to listen on; 0.0.0.0 lets other machines in. [default: 127.0.0.1]"),
            ("--port", "0 takes one that is free. [default: 8000]"),
        ],
    )


@command(_of_serve, "CHECKPOINT [CHECKPOINT ...] [--host=127.0.0.1] [--port=8000]")
def serve(arguments: Sequence[str]) -> int:
    """Serve trained models over HTTP, with a page to try them on.

    There is no password: let it listen on the machine itself alone, or behind a server that asks for one.
    """
    places, flags = places_and_flags(arguments)
    check_flags(places, flags, None, ("host", "port"))
    port = flags.get("port", "8000")
    names = Counter(Path(place).stem for place in places)
    problems = [f"{name}: is the name of {n} of the checkpoints; rename one" for name, n in names.items() if n > 1]
    if not places:
        problems.append("CHECKPOINT: is missing; name the file of a trained model, as in saved/MetaRec.pth")
    if not (port.isdecimal() and int(port) < 2**16):
        problems.append(f"--port={port}: must be a whole number from 0 to 65535")
    if problems:
        raise UserError(problems)
    with ending_at_once():
        try:
            from recbole_metarec.serving.server import serve
        except ImportError as error:
            raise UserError([f"serve: needs {error.name}; pip install 'recbole-metarec[serve]'"]) from None
        from recbole_metarec.inference.recommender import load

        recommenders = {Path(place).stem: load(place) for place in places}
    serve(recommenders, flags.get("host", "127.0.0.1"), int(port))
    return 0
