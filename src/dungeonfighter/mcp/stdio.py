"""The game over stdin and stdout, for one MCP client that starts it as a child process.

Logs belong on stderr.
"""

from __future__ import annotations

from typing import Any, Final

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from dungeonfighter.access.admission import Admission
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.mcp.query import Query
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.mcp.sdk import Client, build_server
from dungeonfighter.mcp.stdio_lines import StandardStreams
from dungeonfighter.mcp.tool import DEFAULT_TOOLSET, Toolset

LAST_ANSWERS_SECONDS: Final = 30.0
"""The longest time of open calls after the client has closed stdin."""

_ENDLESS: Final = "subscriptions/listen"
"""The one method whose answer ends only with the connection."""

Incoming = SessionMessage | Exception


async def serve_stdio(
    host: BotHost,
    admission: Admission,
    toolset: Toolset = DEFAULT_TOOLSET,
    bound_bot: str | None = None,
    streams: tuple[int, int] = (0, 1),
) -> None:
    """Serve one client of any protocol era until it has closed stdin and all its calls are answered.

    Once the client reads no more, the server takes no more messages, and ends when its calls have ended.

    Args:
        host: Plays all calls; its store is open. This function does not close it.
        admission: Identifies the client (which sends no credentials) and decides about its calls.
        toolset: The tools that are listed.
        bound_bot: The bot of this client (a valid id); None leaves the choice to the calls.
        streams: The descriptors to read from and to write to.

    Raises:
        NotAllowed: A client without credentials is not accepted.
    """
    client = Client(bound_bot, Query(toolset), admission.identify(None))
    server = build_server(Registry(host, admission), bound=bound_bot is not None, client=client)
    calls = _Calls()
    read, heard = anyio.create_memory_object_stream[Incoming](0)
    said, written = anyio.create_memory_object_stream[SessionMessage](0)
    lines: Any = StandardStreams(*streams)  # the part of a text file that the SDK needs
    async with stdio_server(lines, lines) as (incoming, outgoing), anyio.create_task_group() as relays:
        relays.start_soon(calls.relay_requests, incoming, read)
        relays.start_soon(calls.relay_answers, written, outgoing)
        await server.run(heard, said, server.create_initialization_options())


class _Calls:
    """Relays messages between the client and the SDK, and counts the open calls.

    The SDK drops open calls when its input ends, so the relay delays that end until no call is open.
    """

    def __init__(self) -> None:
        self._open: set[int | str] = set()
        self._none_open = anyio.Event()
        self._ended = False

    async def relay_requests(
        self, source: ObjectReceiveStream[Incoming], sink: ObjectSendStream[Incoming]
    ) -> None:
        """Pass on the client's messages, and the end of its stream once no call is open."""
        async with sink:
            async for item in source:
                self._note(item)
                await sink.send(item)
            self._ended = True
            with anyio.move_on_after(LAST_ANSWERS_SECONDS):
                if self._open:
                    await self._none_open.wait()

    async def relay_answers(
        self, source: ObjectReceiveStream[SessionMessage], sink: ObjectSendStream[SessionMessage]
    ) -> None:
        """Pass on the server's messages until its stream ends."""
        async with sink:
            async for item in source:
                await sink.send(item)
                if isinstance(item.message, JSONRPCResponse | JSONRPCError):
                    self._close(item.message.id)

    def _note(self, item: Incoming) -> None:
        message = item.message if isinstance(item, SessionMessage) else None
        if isinstance(message, JSONRPCRequest) and message.method != _ENDLESS:
            self._open.add(message.id)
        elif isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled":
            self._close((message.params or {}).get("requestId"))

    def _close(self, request: int | str | None) -> None:
        if request is not None:
            self._open.discard(request)
        if self._ended and not self._open:
            self._none_open.set()
