"""The server of the service: its socket, its threads, its end."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import torch
import uvicorn

from recbole_metarec.errors import UserError
from recbole_metarec.serving.app import create_app

if TYPE_CHECKING:
    from recbole_metarec.inference.recommender import Recommender


def serve(recommenders: Mapping[str, Recommender], host: str, port: int, images: bool = True) -> None:
    """Serve recommenders until an interrupt.

    Parameters
    ----------
    recommenders : mapping of str to Recommender
        See `create_app`.
    host : str
        Address to listen on.
    port : int
        0 takes one that is free.
    images : bool
        See `create_app`.

    Raises
    ------
    UserError
        If the address cannot be listened on.
    """
    listening = _listen(host, port)
    # One core is left to the event loop, which reads and writes JSON while the next batch is computed.
    torch.set_num_threads(max(1, (os.cpu_count() or 1) - 1))
    config = uvicorn.Config(
        create_app(recommenders, images), log_level="warning", access_log=False, timeout_graceful_shutdown=5
    )
    shown = f"[{host}]" if ":" in host else host
    for name, recommender in recommenders.items():
        until = "" if recommender.last_day is None else f", data until {recommender.last_day}"
        print(f"{name}: {recommender.name}, {len(recommender.item_ids):,} items{until}")
    print(f"http://{shown}:{listening.getsockname()[1]} (Ctrl-C ends it)", flush=True)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    print("stopped")


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio asks for answers without delay only of sockets that name TCP; else each takes 40 ms more
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(2048)  # who connects from now on waits until the server is up
    except OSError as error:
        listening.close()
        raise UserError(
            [f"--host={host} --port={port}: {error.strerror}; write another, --port=0 takes a free one"]
        ) from None
    return listening
