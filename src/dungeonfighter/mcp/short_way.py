"""The short way: `tools/call` over HTTP, in every era, without the protocol library.

It answers only requests that its typed decoder accepts completely, and leaves all others, with the same
bytes, to the official SDK. The functions of the long way judge the headers and `_meta`, once for each
combination of them: a client sends the same ones with every request, so the verdict is kept. Only good
verdicts are kept, and a bounded number of them. A verdict says nothing about the caller: each head keeps the
principal of its own credentials, and the registry asks the admission with every call.

Both ways end in the one tool registry; a differential test sends the same requests down both.

Source: docs/architecture.md, decision 6 and "A turn, step by step"; MCP 2026-07-28,
basic/transports/streamable-http.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import perf_counter
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from mcp.shared.inbound import (
    InboundModernRoute,
    classify_inbound_request,
    find_duplicated_routing_header,
)
from mcp_types import CallToolRequestParams
from mcp_types.methods import validate_client_request
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

from dungeonfighter import __version__, limits
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import NotAllowed, Overloaded
from dungeonfighter.hosting.instruments import WAITING_MAX
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.answers import ProtocolError, ToolAnswer
from dungeonfighter.mcp.query import read_query
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.mcp.tool import Tool
from dungeonfighter.mcp.tool_metrics import ToolCounts
from dungeonfighter.mcp.traced_calls import TRACEPARENT, CallTracing, Context

_VERDICTS_MAX: Final = 4096
_VERDICT_BYTES_MAX: Final = 2048
"""Bounds the key of one verdict, and all keys together to 8 MiB."""
_DEFAULT_ERA: Final = HANDSHAKE_PROTOCOL_VERSIONS[1]
_JUDGED: Final = frozenset({
    b"host", b"origin", b"content-type", b"content-encoding", b"accept",
    b"mcp-protocol-version", b"mcp-method", b"mcp-name",
})  # fmt: skip
"""The headers that a verdict depends on. Every request compares `wire.BOT_HEADER`, and every new head makes a
principal of its `Authorization`; no other header changes an answer."""

Headers = list[tuple[bytes, bytes]]
Verdicts = dict[tuple[str, bytes], bool]
"""By tool and `_meta` (`judged_part`): True in the modern era, False in the older ones."""
Demands = Callable[[wire.Scope, wire.Envelope, bytes | None], object]
"""Checks a request before any protocol library sees it; raises `ProtocolError`."""


class _Params(Struct, forbid_unknown_fields=True):
    name: str
    arguments: Raw | UnsetType = UNSET
    meta: Raw | UnsetType = field(name="_meta", default=UNSET)


class _Call(Struct, forbid_unknown_fields=True):
    jsonrpc: Literal["2.0"]
    id: Annotated[int, Meta(ge=-(2**53), le=2**53)] | Annotated[str, Meta(max_length=256)]
    method: Literal["tools/call"]
    params: _Params


class _Known(NamedTuple):
    """A tool, the typed decoder of its arguments at one kind of address, and its metrics."""

    tool: Tool[Any]
    decode: Callable[[Any], Any]
    counts: ToolCounts


_decode: Final = msgspec.json.Decoder(_Call).decode
_encode: Final = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(dict[str, Raw]).decode
_NOT_KEPT: Final = ("", b"")
"""Takes the place of the key of a verdict that was just made, so that its `_meta` is read for a parent."""
_PROTOCOL: Final = "io.modelcontextprotocol/"
_is_plain: Final = re.compile(rb'"[ !#-\[\]-~]*"|0|-?[1-9][0-9]{0,14}').fullmatch
"""Matches a string of printable ASCII without escapes, or a whole number that every decoder reads alike."""
_START: Final = b'{"jsonrpc":"2.0","id":%b,"result":{"content":[{"type":"text","text":%b}],"isError":%b'
_LEAST: Final = len(
    b'{"jsonrpc":"2.0","id":,"method":"tools/call","params":{"name":"","arguments":,"_meta":}}'
)
"""The bytes of a call besides its id, the tool's name and the two values."""
_STRUCTURED: Final = b',"structuredContent":'
_END_LEGACY: Final = b"}}"
_END_MODERN: Final = (
    b',"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":%b}}}'
    % _encode({"name": "dungeonfighter", "title": "DungeonFighter", "version": __version__})
)


class ToolCalls:
    """The short way for one server.

    Args:
        registry: Runs the calls.
        demands: The endpoint's own check of any request.
        tracing: Samples the calls; None in a server without traces.
    """

    def __init__(self, registry: Registry, demands: Demands, tracing: CallTracing | None = None) -> None:
        self.registry = registry
        self._demands = demands
        self.tracing = tracing
        counts, tools = registry.metrics.of, registry.tools
        self._free = {name: _known(tool, counts(name), bound=False) for name, tool in tools.items()}
        self._bound = {
            name: _known(tool, counts(name), bound=True)
            for name, tool in tools.items()
            if not tool.unbound_only
        }
        self._verdicts: dict[tuple[object, ...], Verdicts] = {}
        self._kept = 0

    def handle(
        self, scope: wire.Scope, body: bytes, bot: bytes | None, reply: wire.Reply,
        delivery: Delivery | None = None,
    ) -> wire.HeadHandler | None:  # fmt: skip
        """See `wire.ShortWay`."""
        try:
            principal = self.registry.admission.identify(wire.authorization(scope))
            turns_required = read_query(scope["query_string"]).turns_required
        except (NotAllowed, Overloaded, ProtocolError):
            return None
        own_bot = principal.own_bot if bot is None else bot.decode("latin-1")
        if not limits.is_bot_id(own_bot):
            return None
        headers: Headers = scope["headers"]
        judged = tuple([pair for pair in headers if pair[0] in _JUDGED])
        named = [value for name, value in headers if name == wire.BOT_HEADER]
        key = (bot is None, scope["query_string"], judged)
        verdicts = self._verdicts.get(key)
        head = _HeadHandler(
            self, bot, own_bot, principal, {} if verdicts is None else verdicts, turns_required=turns_required
        )
        if self.tracing is not None:
            head.context = self.tracing.context_of(headers)
        one_name = None if not named else named[0] if len(named) == 1 else b""
        if not head(body, reply, one_name, delivery, scope):
            return None
        self._verdicts.setdefault(key, head.verdicts)
        return head

    def tools(self, *, bound: bool) -> dict[str, _Known]:
        """Return the tools at one kind of address."""
        return self._bound if bound else self._free

    def judge(
        self, verdicts: Verdicts, key: tuple[str, bytes], scope: wire.Scope, body: bytes, bot: bytes | None
    ) -> bool | None:
        """Judge the requests with this key once, and keep a good verdict; drop all if there are too many."""
        verdict = self._judge(scope, body, bot, key[1])
        # A kept `_meta` is not read again, and this one may name the span of its caller.
        if verdict is not None and (self.tracing is None or TRACEPARENT not in key[1]):
            if self._kept >= _VERDICTS_MAX:
                self._kept = 0
                for forgotten in self._verdicts.values():
                    forgotten.clear()  # a head handler may still refer to it
                self._verdicts.clear()
            self._kept += 1
            verdicts[key] = verdict
        return verdict

    def _judge(self, scope: wire.Scope, body: bytes, bot: bytes | None, meta: bytes) -> bool | None:
        """Return True for requests of the modern era, False for older ones, None for those of the SDK."""
        judged = [pair for pair in scope["headers"] if pair[0] in _JUDGED]
        names = [name for name, _ in judged]
        size = len(meta) + len(scope["query_string"]) + sum(len(value) for _, value in judged)
        if size > _VERDICT_BYTES_MAX or len(set(names)) != len(names):
            return None
        envelope = wire.open_envelope(body)
        texts = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in judged]
        version = dict(texts).get("mcp-protocol-version", _DEFAULT_ERA)
        is_modern = version in MODERN_PROTOCOL_VERSIONS
        if not is_modern and version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return None
        try:
            self._demands(scope, envelope, bot)
            validate_client_request("tools/call", version, envelope.message["params"])
            CallToolRequestParams.model_validate(envelope.message["params"], by_name=False)
        except (ProtocolError, ValueError, KeyError):
            return None
        if is_modern:
            if find_duplicated_routing_header(texts) is not None:
                return None
            if not isinstance(
                classify_inbound_request(envelope.message, headers=dict(texts)), InboundModernRoute
            ):
                return None
        return is_modern


class _HeadHandler:
    """Answers the bodies that come under one head (`wire.HeadHandler`): its bot, its caller, its verdicts."""

    __slots__ = (
        "_begin", "_bot", "_own_bot", "_principal", "_short_way", "_tools", "_turns_required", "context",
        "verdicts",
    )  # fmt: skip

    def __init__(
        self, short_way: ToolCalls, bot: bytes | None, own_bot: str, principal: Principal, verdicts: Verdicts,
        *, turns_required: bool,
    ) -> None:  # fmt: skip
        self._short_way = short_way
        self._bot = bot
        self._own_bot = own_bot
        self._principal = principal
        self._tools = short_way.tools(bound=bot is not None)
        self._turns_required = turns_required
        self._begin = short_way.registry.begin
        self.context: Context | None = None
        """The context of traces; None in a server without traces."""
        self.verdicts = verdicts

    def __call__(
        self, body: bytes, reply: wire.Reply, named: bytes | None, delivery: Delivery | None = None,
        scope: wire.Scope | None = None,
    ) -> bool:  # fmt: skip
        """Answer one request; only the first call has a `scope`, to judge a request without a verdict."""
        began = perf_counter()
        try:
            call = _decode(body)
            params = call.params
            known = self._tools[params.name]
            args = known.decode(b"{}" if params.arguments is UNSET else params.arguments)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError):
            return False
        meta = b"" if params.meta is UNSET else bytes(params.meta)
        own_id = call.id
        request_id = _encode(own_id)
        if not _is_shortest(body, request_id, params) and _may_repeat(body):
            return False
        key = (params.name, meta)
        verdict = self.verdicts.get(key)
        if verdict is None and (judged := judged_part(meta)) is not None:
            key = (params.name, judged)
            verdict = self.verdicts.get(key)
        if verdict is None:
            if scope is not None:
                verdict = self._short_way.judge(self.verdicts, key, scope, body, self._bot)
            if verdict is None:
                return False
            key = _NOT_KEPT
        is_modern = verdict
        acting = self._own_bot
        if self._bot is None:
            given: str | None = getattr(args, "bot_id", None)
            # Balancers route by this header, so it must equal the body's bot; bot ids need no encoding there.
            if is_modern and named != (None if given is None else given.encode()):
                return False
            if given is not None:
                acting = given

        def then(
            result: ToolAnswer | ProtocolError,
            began: float = began,  # defaults are cheaper than more cells
            counts: ToolCounts = known.counts,
            registry: Registry = self._short_way.registry,
        ) -> None:
            if isinstance(result, ToolAnswer):
                structured = None if result.structured is None else _encode(result.structured)
                reply(200, _result_body(request_id, result, structured, is_modern=is_modern))
                if structured is None and not result.repeated:  # `count` without the call: nearly every turn
                    counts.ok += 1
                    counts.text_chars += len(result.text)
                else:
                    counts.count(result, 0 if structured is None else len(structured))
            else:
                counts.count(result)
                registry.rejections.count_fault(result)
                reply(*wire.whole_fault(result, own_id))
            waiting = counts.seconds.waiting  # `observe` without the call
            waiting.append(perf_counter() - began)
            if len(waiting) >= WAITING_MAX:
                counts.seconds.settle()

        begin = self._begin
        context = self.context
        if context is not None:
            begin = _sampled(context, key, meta, began) or begin
        begin(known.tool, acting, args, self._principal, then, delivery, self._turns_required)
        return True


def _sampled(
    context: Context, key: tuple[str, bytes], meta: bytes, began: float
) -> Callable[..., None] | None:
    """Return the `begin` of a call that is sampled; None for any other call."""
    parent = context.parent if key[1] is meta else context.parent_of(meta)
    sampler = context.sampler
    if parent is None and sampler.left > 1:
        sampler.left -= 1  # as `Sampler.draw` does, without the calls
        return None
    return context.begin(parent, began)


def judged_part(meta: bytes) -> bytes | None:
    """Reduce a `_meta` to the members that a verdict depends on: those of the protocol itself.

    Clients add members that differ with every request: `progressToken`, `traceparent`, `tracestate`,
    `baggage`, members of their own. A verdict with such a member in its key would match no later request.

    Returns:
        Bytes that are never equal to any `_meta`. None if no member can be left out: all members are those of
        the protocol; or a member of the client is not plain, so that only the whole decoder can judge it; or
        the object is not in its shortest form, so that it may contain a name twice (the decoder would drop
        one of the two members).
    """
    try:
        members = _members(meta)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    kept = []
    size = 1 + len(members)  # braces and commas
    for name, value in members.items():
        raw = bytes(value)
        size += len(name) + len(raw) + 3  # an escape or a character beyond ASCII takes more
        if name.startswith(_PROTOCOL):
            kept.append(b'"%b":%b' % (name.encode(), raw))
        elif not _is_plain(raw):
            return None
    return b"," + b",".join(kept) if size == len(meta) and len(kept) < len(members) else None


def _known(tool: Tool[Any], counts: ToolCounts, *, bound: bool) -> _Known:
    kind: type[Any] = tool.kind
    if tool.takes_bot and not bound:
        bot_id = Annotated[str, Meta(pattern=f"^{limits.bot_id_pattern.pattern}")] | None
        kind = msgspec.defstruct(f"{kind.__name__}Of", [("bot_id", bot_id, None)], bases=(kind,))
    return _Known(tool, msgspec.json.Decoder(kind).decode, counts)


def _is_shortest(body: bytes, request_id: bytes, params: _Params) -> bool:
    """Return whether the body has exactly the minimal length, without room for duplicate or escaped keys."""
    given, meta = params.arguments, params.meta
    if given is UNSET or meta is UNSET:
        return False
    return len(body) == _LEAST + len(request_id) + len(params.name) + len(given) + len(meta)


def _may_repeat(body: bytes) -> bool:
    """Return whether a key may occur twice, perhaps escaped: the decoder would keep only the last value, and
    nothing would check the first one.
    """
    return (
        body.count(b"params") > 1
        or body.count(b"arguments") > 1
        or body.count(b"_meta") > 1
        or b"\\u00" in body
    )


def _result_body(
    request_id: bytes, answer: ToolAnswer, structured: bytes | None, *, is_modern: bool
) -> bytes:
    is_error = b"true" if answer.is_error else b"false"
    body = _START % (request_id, _encode(answer.text), is_error)
    if structured is not None:
        body += _STRUCTURED + structured
    return body + (_END_MODERN if is_modern else _END_LEGACY)
