"""The connection itself: answers that break off, and connections that are reset."""

from __future__ import annotations

import asyncio
import socket
import struct
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sis_assets.sandbox.reply import Break, Reply

_MOMENT = 0.02
#: What makes closing a socket send a reset in place of an orderly end: linger on, for no time.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Connection(HttpToolsProtocol):
    """A connection that can be found by its client's address, to be reset."""

    _transports: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keep the transport while it is open."""
        super().connection_made(transport)
        self._transports[transport.get_extra_info("peername")[:2]] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        self._transports.pop(self.transport.get_extra_info("peername")[:2], None)
        super().connection_lost(exc)

    @classmethod
    def end(cls, client: tuple[str, int], *, reset: bool) -> None:
        """Close the connection of a client, or reset it."""
        transport = cls._transports[client]
        if reset:
            peer: socket.socket = transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            transport.abort()
        else:
            transport.close()


class Broken(Response):
    """An answer of which half is sent; then the connection is closed, or reset."""

    def __init__(self, content: bytes, *, status: int, headers: dict[str, str], reset: bool) -> None:
        super().__init__(content, status, headers)
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the head, which promises everything, and half of the body."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        # The half must have left before a reset, or the client sees no body at all.
        await asyncio.sleep(_MOMENT)
        Connection.end(tuple(scope["client"]), reset=self._reset)
        # The server takes an answer without an end amiss unless it knows the connection as lost.
        await asyncio.sleep(_MOMENT)


def response_of(reply: Reply, *, breaks: Break | None, skew_seconds: float) -> Response:
    """Return what is sent for a reply: whole or broken off, dated by a clock that is so far ahead."""
    now = datetime.now(UTC) + timedelta(seconds=skew_seconds)
    headers = {"content-type": reply.content_type, "date": format_datetime(now, usegmt=True), **reply.headers}
    content = reply.text.encode()
    if breaks in (Break.RESET, Break.TRUNCATED):
        return Broken(content, status=reply.status, headers=headers, reset=breaks is Break.RESET)
    if breaks is Break.INVALID_JSON:
        content = content[: len(content) // 2]
    return Response(content, reply.status, headers)
