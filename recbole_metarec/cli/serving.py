"""The command that serves trained models over HTTP."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from recbole_metarec.cli.interrupts import ending_at_once
from recbole_metarec.errors import UserError


@click.command()
@click.argument("checkpoints", metavar="CHECKPOINT ...", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets others in.")
@click.option("--port", type=int, default=8000, show_default=True, help="0 takes one that is free.")
@click.option("--no-images", is_flag=True, help="Leave out addresses of pictures, from which the page loads them.")
def serve(checkpoints: tuple[str, ...], host: str, port: int, no_images: bool) -> int:
    """Serve trained models over HTTP, with a page to try them on.

    There is no password: let it listen on the machine itself alone, or behind a server that asks for one. Of several
    models the first answers where a request names none.
    """
    names = Counter(Path(path).stem for path in checkpoints)
    problems = [f"{name}: is the name of {n} of the checkpoints; rename one" for name, n in names.items() if n > 1]
    if not checkpoints:
        problems.append("CHECKPOINT: is missing; name the file of a trained model, as in saved/NAME.safetensors")
    if not 0 <= port < 2**16:
        problems.append(f"--port={port}: must be a whole number from 0 to 65535")
    if problems:
        raise UserError(problems)
    with ending_at_once():
        try:
            from recbole_metarec.serving.server import serve
        except ImportError as error:
            raise UserError([f"serve: needs {error.name}; pip install 'recbole-metarec[serve]'"]) from None
        from recbole_metarec.inference.recommender import load

        recommenders = {Path(path).stem: load(path) for path in checkpoints}
    serve(recommenders, host, port, not no_images)
    return 0
