"""One MCP address as an ASGI application: it judges a request, then passes the same bytes to the SDK.

The short way, if there is one, sees every body first and answers the requests it accepts completely. The
endpoint judges all other requests, in this order: Host and Origin, method, size, JSON, the address itself
(bot, toolset), headers, revision, credentials. A good request goes to the official SDK.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from mcp_types import PROTOCOL_VERSION_META_KEY, UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.access.admission import Admission
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import BadInput, NotAllowed, Overloaded
from dungeonfighter.hosting.call_trace import CURRENT, CallTrace
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import arguments, media_types, wire
from dungeonfighter.mcp.answers import (
    BROKEN,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    ProtocolError,
    denied,
    refusal_of,
)
from dungeonfighter.mcp.bot_ids import checked_bot_id
from dungeonfighter.mcp.query import Query, read_query
from dungeonfighter.mcp.rejections import Rejections
from dungeonfighter.mcp.tool_metrics import ToolMetrics
from dungeonfighter.mcp.traced_calls import CallTool, CallTracing

EXCHANGE: Final = "dungeonfighter.exchange"
"""The key of the `Exchange` in the scope of a request that the SDK handles."""

logger = logging.getLogger(__name__)


class Exchange(Struct):
    """One request on an MCP address: its bot, its caller, and the `send` of its answer.

    `bot` is the path's bot (None on `/mcp`); `send` turns failures into JSON-RPC errors; `delivery` is as in
    `tool.Seat`.
    """

    bot: str | None
    query: Query
    principal: Principal
    send: wire.Mended
    delivery: Delivery | None
    call_tool: CallTool | None = None
    """Calls a tool as a part of a sampled call; None in a call that is not sampled."""


class Speaker(Protocol):
    """The protocol library behind an endpoint (`sdk.SdkSpeaker`)."""

    async def answer(self, exchange: Exchange, scope: wire.Scope, receive: wire.Receive) -> None:
        """Answer one POST through `exchange.send`."""


class McpEndpoint:
    """Serves `/mcp` and `/bots/{botId}/mcp`.

    Args:
        speaker: Answers the requests that pass.
        guard: Checks the Host and Origin headers.
        admission: Identifies the callers.
        metrics: Observe each POST that was read completely and that the short way refused. The short way
            observes those that it accepts.
        short_way: Sees every body first.
        rejections: Counts the refused requests.
        body_bytes_max: The length of the longest body.
        tracing: Samples the requests; None in a server without traces.
    """

    def __init__(
        self, speaker: Speaker, guard: HostGuard, admission: Admission, metrics: ToolMetrics,
        short_way: wire.ShortWay | None = None, rejections: Rejections | None = None,
        body_bytes_max: int = limits.body_bytes_max, tracing: CallTracing | None = None,
    ) -> None:  # fmt: skip
        self._speaker = speaker
        self._guard = guard
        self._admission = admission
        self._metrics = metrics
        self.short_way = short_way
        self._rejections = Rejections({}) if rejections is None else rejections
        self._body_bytes_max = body_bytes_max
        self._tracing = tracing

    async def __call__(
        self, scope: wire.Scope, receive: wire.Receive, send: wire.Send, bot: bytes | None
    ) -> None:
        """Answer one HTTP request; `bot` is the path's segment as it was sent."""
        try:
            if scope["method"] != "POST":
                self._check_hosts(scope)
                raise ProtocolError(INVALID_REQUEST, "this address takes POST only", status=405)
            body = await wire.read_body(scope, receive, self._body_bytes_max)
        except wire.Disconnected:
            return
        except wire.TooLarge:
            wrong = f"the body is larger than {self._body_bytes_max} bytes"
            await self._refuse(send, ProtocolError(INVALID_REQUEST, wrong, status=413), None)
            return
        except ProtocolError as fault:
            await self._refuse(send, fault, None)
            return
        began = time.perf_counter()
        if self.short_way is None or not await _taken(self.short_way, scope, body, bot, send):
            envelope = wire.open_envelope(body)
            call = None if self._tracing is None else self._tracing.begin_request(scope, envelope)
            if call is None:
                await self._answer(scope, receive, send, body, bot, envelope)
                self._metrics.of(_tool_in(envelope)).seconds.observe(time.perf_counter() - began)
            else:
                await self._answer_traced(scope, receive, send, body, bot, envelope, call)

    async def _answer_traced(
        self, scope: wire.Scope, receive: wire.Receive, send: wire.Send, body: bytes, bot: bytes | None,
        envelope: wire.Envelope, call: CallTrace,
    ) -> None:  # fmt: skip
        assert self._tracing is not None
        try:
            await self._answer(scope, receive, send, body, bot, envelope, call)
            before, CURRENT.call = CURRENT.call, call
            self._metrics.of(_tool_in(envelope)).seconds.observe(call.now() - call.began)
            CURRENT.call = before
        finally:
            self._tracing.registry.end(call)

    async def _answer(
        self, scope: wire.Scope, receive: wire.Receive, send: wire.Send, body: bytes, bot: bytes | None,
        envelope: wire.Envelope, call: CallTrace | None = None,
    ) -> None:  # fmt: skip
        mended = wire.Mended(send, envelope.id, self._rejections)
        try:
            path_bot, query = self.demand(scope, envelope, bot)
            principal = await self._identify(scope)
            call_tool = None
            if call is not None and self._tracing is not None:
                call_tool = self._tracing.registry.calling(call)
            exchange = Exchange(path_bot, query, principal, mended, scope.get(wire.DELIVERY), call_tool)
            plain = {**scope, "headers": media_types.plain_headers(scope), EXCHANGE: exchange}
            await self._speaker.answer(exchange, plain, wire.replay(body, receive))
        except ProtocolError as fault:
            _note(call, fault.code)
            await self._refuse(send, fault, envelope.id)
        except Exception:
            logger.exception("an MCP request broke")
            _note(call, INTERNAL_ERROR)
            if not mended.started:
                await wire.send_fault(send, _BROKEN, envelope.id)
        else:
            _note(call, mended.error_code)

    def demand(
        self, scope: wire.Scope, envelope: wire.Envelope, bot: bytes | None
    ) -> tuple[str | None, Query]:
        """Return the bot of the path and the query of a POST, after all checks have passed.

        Raises:
            ProtocolError: A check failed; the error describes the first fault.
        """
        self._check_hosts(scope)
        found = _bot_in(bot), read_query(scope.get("query_string", b""))
        _check_headers(scope)
        if envelope.fault is not None:
            raise envelope.fault
        _check_version(scope, envelope)
        return found

    async def _refuse(self, send: wire.Send, fault: ProtocolError, request_id: wire.RequestId) -> None:
        self._rejections.count_fault(fault)
        await wire.send_fault(send, fault, request_id)

    async def _identify(self, scope: wire.Scope) -> Principal:
        authorization = wire.authorization(scope)
        await self._admission.prepare(authorization)
        try:
            return self._admission.identify(authorization)
        except Overloaded as error:
            raise refusal_of(error) from error
        except NotAllowed as error:
            raise denied(error, status=401) from error

    def _check_hosts(self, scope: wire.Scope) -> None:
        if wire.has_two_hosts(scope):
            raise ProtocolError(INVALID_REQUEST, "a request has one Host header")
        host = wire.header(scope, b"host")
        if refusal := self._guard.refusal(host, None):
            raise ProtocolError(INVALID_REQUEST, refusal, status=421)
        if refusal := self._guard.refusal(host, wire.listed(scope, b"origin")):
            raise ProtocolError(INVALID_REQUEST, refusal, status=403)


async def _taken(
    short_way: wire.ShortWay, scope: wire.Scope, body: bytes, bot: bytes | None, send: wire.Send
) -> bool:
    """Return True after the short way has answered; False if it refused the request."""
    future: asyncio.Future[tuple[int, bytes, Sequence[tuple[bytes, bytes]]]]
    future = asyncio.get_running_loop().create_future()

    def reply(status: int, body: bytes, extra: Sequence[tuple[bytes, bytes]] = ()) -> None:
        if not future.done():
            future.set_result((status, body, extra))

    if not short_way.handle(scope, body, bot, reply, scope.get(wire.DELIVERY)):
        return False
    await wire.send_json(send, *await future)
    return True


def _tool_in(envelope: wire.Envelope) -> object:
    """Return the name of the tool that a message calls; None if it calls none."""
    params = envelope.message.get("params")
    is_call = envelope.message.get("method") == "tools/call"
    return params.get("name") if is_call and isinstance(params, dict) else None


def _note(call: CallTrace | None, code: int) -> None:
    """Record the error of a request that came to no tool; 0 is none."""
    if call is not None and code and not call.error:
        call.error, call.is_fault = str(code), code == INTERNAL_ERROR


_BROKEN: Final = ProtocolError(INTERNAL_ERROR, BROKEN, status=500)


def _bot_in(segment: bytes | None) -> str | None:
    """Return the bot of the path, percent-decoded; None on `/mcp`."""
    if segment is None:
        return None
    try:
        return checked_bot_id(unquote_to_bytes(segment).decode("utf-8", "replace"))
    except BadInput as error:
        raise ProtocolError(
            INVALID_PARAMS, str(error).replace("argument `botId`", "the bot id in the path")
        ) from None


def _check_headers(scope: wire.Scope) -> None:
    codings = (wire.listed(scope, b"content-encoding") or "").split(",")
    if any(coding.strip(" \t").lower() not in {"", "identity"} for coding in codings):
        wrong = "the server takes bodies as they are: leave out Content-Encoding"
        raise ProtocolError(INVALID_REQUEST, wrong, status=415)
    if media_types.media_type(wire.header(scope, b"content-type") or "") != media_types.JSON:
        raise ProtocolError(INVALID_REQUEST, "Content-Type must be application/json", status=415)
    if not media_types.accepts(wire.listed(scope, b"accept"), media_types.JSON):
        raise ProtocolError(INVALID_REQUEST, "Accept must allow application/json", status=406)


def _check_version(scope: wire.Scope, envelope: wire.Envelope) -> None:
    """Refuse a request of an unknown revision, and name the known ones, also where it has no `_meta`."""
    version = wire.header(scope, b"mcp-protocol-version")
    if version is None or version in KNOWN_PROTOCOL_VERSIONS:
        return
    meta = (envelope.message.get("params") or {}).get("_meta")
    if isinstance(meta, dict) and PROTOCOL_VERSION_META_KEY in meta:
        return  # the SDK compares both versions first, and reports a contradiction as such
    raise ProtocolError(
        UNSUPPORTED_PROTOCOL_VERSION,
        "Unsupported protocol version",
        data={"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": arguments.clip(version)},
    )
