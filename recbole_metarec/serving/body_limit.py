"""A limit on the bodies of requests."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PATIENCE = 10.0  # seconds in which a client may end what is not read any more, so that it then reads the answer


class BodyLimit:
    """Refuses requests with 413 whose body is too large, without keeping any of it.

    Parameters
    ----------
    app : ASGI application
    largest : int
        Bytes.
    """

    def __init__(self, app: ASGIApp, largest: int) -> None:
        self.app, self.largest = app, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; see ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        announced = int(length) if length.isdecimal() else 0
        read = 0

        async def limited() -> Message:
            nonlocal read
            asks_first = headers.get("expect", "").lower() == "100-continue"
            if announced > self.largest and asks_first:  # and sends nothing if it is refused at once
                raise self._refusal()
            message = await receive()
            read += len(message.get("body", b""))
            if max(announced, read) > self.largest:
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(_drain(message, receive), _PATIENCE)
                raise self._refusal()
            return message

        await self.app(scope, limited, send)

    def _refusal(self) -> HTTPException:
        return HTTPException(413, f"the body is larger than {self.largest:,} bytes; ask in several requests")


async def _drain(message: Message, receive: Receive) -> None:
    while message.get("more_body", False):
        message = await receive()
