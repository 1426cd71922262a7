"""What the environment says of processes that train together; ``torchrun``, or the command line by itself, writes it.

See https://docs.pytorch.org/docs/stable/elastic/run.html.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from recbole_metarec.errors import UserError, shown


def asked() -> int:
    """Return how many processes train together."""
    is_said = {"RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()
    return int(os.environ.get("WORLD_SIZE", 1)) if is_said else 1


def own_gpu(gpu_id: object) -> str:
    """Return which GPU this process is to have.

    Parameters
    ----------
    gpu_id : object
        RecBole's key: numbers with commas between them, or nothing for none. A single one stands for as many as there
        are processes on this machine.

    Returns
    -------
    str

    Raises
    ------
    UserError
        If there are fewer than processes.
    """
    place, here = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    text = ",".join(map(str, gpu_id)) if isinstance(gpu_id, (list, tuple)) else str(gpu_id)
    names = [name for name in text.split(",") if name]
    if not names or names[0].startswith("-") or here == 1:
        return text
    if len(names) == 1:
        names = [str(number) for number in range(here)]
    if len(names) < here:
        raise UserError([f"{shown('gpu_id', gpu_id)}: {here} processes need as many GPUs; name more of them, or none"])
    return names[place]


@contextmanager
def speaking_once() -> Iterator[None]:
    """Let the first of several processes alone print, until the end or an error."""
    if int(os.environ.get("RANK", 0)) == 0:
        yield
        return
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        yield
