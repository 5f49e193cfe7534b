"""One MCP address as an ASGI application: judge the request, then hand the same bytes to whoever answers it.

The short way, if there is one, sees every body first and answers what it accepts completely. All else is
judged here, in this order: Host and Origin, method, size, JSON, the address itself (bot, toolset), headers,
revision; what passes goes to the official SDK.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import parse_qsl, unquote_to_bytes

from mcp_types import PROTOCOL_VERSION_META_KEY, UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.errors import BadInput
from dungeonfighter.hosting.instruments import Histogram
from dungeonfighter.mcp import arguments, wire
from dungeonfighter.mcp.answers import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, ProtocolError
from dungeonfighter.mcp.bot_ids import checked_bot_id
from dungeonfighter.mcp.registry import LOCAL_FLEET
from dungeonfighter.mcp.tool import DEFAULT_TOOLSET, TOOLSETS, Toolset

EXCHANGE: Final = "dungeonfighter.exchange"
"""Where a handler behind the SDK finds the `Exchange` in its request's scope."""

logger = logging.getLogger(__name__)


class Exchange(Struct):
    """One request on an MCP address: whose it is, and how it shall be answered.

    `bot` is the path's bot (None on `/mcp`); `send` mends failures on their way out.
    """

    bot: str | None
    toolset: Toolset
    fleet: str
    send: wire.Mended


class Speaker(Protocol):
    """Whoever speaks the protocol behind this endpoint (`sdk.SdkSpeaker`)."""

    async def answer(self, exchange: Exchange, scope: wire.Scope, receive: wire.Receive) -> None:
        """Answer one POST through `exchange.send`."""


class McpEndpoint:
    """Serves `/mcp` and `/bots/{botId}/mcp`.

    Args:
        speaker: Answers what the short way leaves.
        guard: Judges Host and Origin.
        response_seconds: Observes each POST that was read completely and that the short way left. The short
            way observes those that it takes.
        short_way: Sees every body first.
    """

    def __init__(
        self, speaker: Speaker, guard: HostGuard, response_seconds: Histogram,
        short_way: wire.ShortWay | None = None,
    ) -> None:  # fmt: skip
        self._speaker = speaker
        self._guard = guard
        self._response_seconds = response_seconds
        self.short_way = short_way

    async def __call__(
        self, scope: wire.Scope, receive: wire.Receive, send: wire.Send, bot: bytes | None
    ) -> None:
        """Answer one HTTP request; `bot` is the path's segment as it was sent."""
        try:
            if scope["method"] != "POST":
                self._check_hosts(scope)
                raise ProtocolError(INVALID_REQUEST, "this address takes POST only", status=405)
            body = await wire.read_body(scope, receive)
        except wire.Disconnected:
            return
        except wire.TooLarge:
            await wire.send_fault(send, _TOO_LARGE, None)
            return
        except ProtocolError as fault:
            await wire.send_fault(send, fault, None)
            return
        began = time.perf_counter()
        if self.short_way is None or not await _taken(self.short_way, scope, body, bot, send):
            await self._answer(scope, receive, send, body, bot)
            self._response_seconds.observe(time.perf_counter() - began)

    async def _answer(
        self, scope: wire.Scope, receive: wire.Receive, send: wire.Send, body: bytes, bot: bytes | None
    ) -> None:
        envelope = wire.open_envelope(body)
        mended = wire.Mended(send, envelope.id)
        try:
            path_bot, toolset = self.demand(scope, envelope, bot)
            exchange = Exchange(path_bot, toolset, LOCAL_FLEET, mended)
            await self._speaker.answer(exchange, {**scope, EXCHANGE: exchange}, wire.replay(body, receive))
        except ProtocolError as fault:
            await wire.send_fault(send, fault, envelope.id)
        except Exception:
            logger.exception("an MCP request broke")
            if not mended.started:
                await wire.send_fault(send, _BROKEN, envelope.id)

    def demand(
        self, scope: wire.Scope, envelope: wire.Envelope, bot: bytes | None
    ) -> tuple[str | None, Toolset]:
        """The bot of the path and the toolset, after everything that can be wrong with a POST before a
        protocol library has to look at it.

        Raises:
            ProtocolError: It is refused.
        """
        self._check_hosts(scope)
        found = _bot_in(bot), _toolset_in(scope)
        _check_headers(scope)
        if envelope.fault is not None:
            raise envelope.fault
        _check_version(scope, envelope)
        return found

    def _check_hosts(self, scope: wire.Scope) -> None:
        if wire.has_two_hosts(scope):
            raise ProtocolError(INVALID_REQUEST, "a request has one Host header")
        host = wire.header(scope, b"host")
        if refusal := self._guard.refusal(host, None):
            raise ProtocolError(INVALID_REQUEST, refusal, status=421)
        if refusal := self._guard.refusal(host, wire.header(scope, b"origin")):
            raise ProtocolError(INVALID_REQUEST, refusal, status=403)


async def _taken(
    short_way: wire.ShortWay, scope: wire.Scope, body: bytes, bot: bytes | None, send: wire.Send
) -> bool:
    """Whether the short way has answered."""
    future: asyncio.Future[tuple[int, bytes, Sequence[tuple[bytes, bytes]]]]
    future = asyncio.get_running_loop().create_future()

    def reply(status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
        if not future.done():
            future.set_result((status, body, extra))

    if not short_way.handle(scope, body, bot, reply):
        return False
    await wire.send_json(send, *await future)
    return True


_TOO_LARGE: Final = ProtocolError(
    INVALID_REQUEST, f"the body is larger than {limits.body_bytes_max} bytes", status=413
)


_BROKEN: Final = ProtocolError(INTERNAL_ERROR, "internal error", status=500)


def _bot_in(segment: bytes | None) -> str | None:
    """The bot of the path, percent-decoded; None on `/mcp`."""
    if segment is None:
        return None
    try:
        return checked_bot_id(unquote_to_bytes(segment).decode("utf-8", "replace"))
    except BadInput as error:
        raise ProtocolError(
            INVALID_PARAMS, str(error).replace("argument `botId`", "the bot id in the path")
        ) from None


def _toolset_in(scope: wire.Scope) -> Toolset:
    query = scope.get("query_string", b"")
    if not query:
        return DEFAULT_TOOLSET
    for key, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if key == "toolset":
            for known in TOOLSETS:
                if value == known:
                    return known
            what = f"toolset must be one of {', '.join(TOOLSETS)}; got {arguments.clip(value)}"
            raise ProtocolError(INVALID_PARAMS, what)
    return DEFAULT_TOOLSET


def _check_headers(scope: wire.Scope) -> None:
    kind = (wire.header(scope, b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProtocolError(INVALID_REQUEST, "Content-Type must be application/json", status=415)
    accepted = (wire.header(scope, b"accept") or "").lower()
    if not any(word in accepted for word in ("application/json", "application/*", "*/*")):
        what = "Accept must allow application/json"
        raise ProtocolError(INVALID_REQUEST, what, status=406)


def _check_version(scope: wire.Scope, envelope: wire.Envelope) -> None:
    """Name what is served to a client of an unknown revision, also when it sends no `_meta` to compare
    with.
    """
    version = wire.header(scope, b"mcp-protocol-version")
    if version is None or version in KNOWN_PROTOCOL_VERSIONS:
        return
    meta = envelope.message.get("params", {}).get("_meta")
    if isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta:
        return  # the SDK compares the two first: a client that contradicts itself is told that
    raise ProtocolError(
        UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        data={"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": arguments.clip(version)},
    )
