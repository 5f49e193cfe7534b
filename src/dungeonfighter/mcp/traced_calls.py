"""Sampled calls: where their context comes from, and what their traces record.

A server without traces has none of these objects. A server with traces asks `CallTracing` once for each call;
a call that is not sampled then goes the way of all calls.

Source: docs/traces.md; MCP 2026-07-28, basic, "`_meta`" (`traceparent`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import partial
from time import perf_counter, time
from typing import Any, Final

import msgspec
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS
from msgspec import UNSET, Raw, Struct, UnsetType

from dungeonfighter.access.principals import Principal, Scope
from dungeonfighter.errors import Corrupt, NewerRules, OutcomeUnknown, StoreError
from dungeonfighter.hosting.call_trace import ADMIT, CURRENT, DECODE, CallTrace
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.answers import INTERNAL_ERROR, ProtocolError, ToolAnswer
from dungeonfighter.mcp.arguments import ToolArguments
from dungeonfighter.mcp.registry import Registry, Then
from dungeonfighter.mcp.tool import Seat, Tool
from dungeonfighter.telemetry.trace_context import Parent, parse_traceparent
from dungeonfighter.telemetry.traces import Tracer

TRACEPARENT: Final = b"traceparent"
_FAULTS: Final = frozenset({StoreError.code, OutcomeUnknown.code, NewerRules.code, Corrupt.code})
"""The codes of errors that the server caused, not the caller."""
_METHODS: Final = frozenset({
    "initialize", "notifications/cancelled", "notifications/initialized", "notifications/progress", "ping",
    "prompts/get", "prompts/list", "resources/list", "resources/read", "resources/templates/list",
    "server/discover", "tools/call", "tools/list",
})  # fmt: skip
"""Other methods are texts of a client, which no trace may have."""

_VERSIONS: Final = {version.encode(): version for version in KNOWN_PROTOCOL_VERSIONS}

Headers = Sequence[tuple[bytes, bytes]]
CallTool = Callable[..., Awaitable[ToolAnswer]]
"""Takes what `Registry.call` takes."""


class _Meta(Struct):
    traceparent: Raw | UnsetType = UNSET


_decode: Final = msgspec.json.Decoder(_Meta).decode


def parent_in_headers(headers: Headers) -> Parent | None:
    """Return the parent that the header names; several headers name none."""
    values = [value for name, value in headers if name == TRACEPARENT]
    return parse_traceparent(values[0].decode("latin-1")) if len(values) == 1 else None


def parent_in_meta(meta: bytes) -> Parent | None:
    """Return the parent that a `_meta` names; None if it names none, or none that is valid."""
    if TRACEPARENT not in meta:
        return None
    try:
        named = _decode(meta).traceparent
        return None if named is UNSET else parse_traceparent(msgspec.json.decode(named))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class TracedRegistry(Registry):
    """The registry of sampled calls: `CURRENT` is the call whenever the registry works for it.

    Args:
        plain: The registry of the other calls; it and this one share all tools and counts.
        tracer: Ends the traces.
    """

    def __init__(self, plain: Registry, tracer: Tracer) -> None:
        vars(self).update(vars(plain))
        self._host = self._host.traced(tracer.requests)
        self._admit = self._admit_timed
        self._tracer = tracer

    def begin_traced(
        self, call: CallTrace, found: Tool[Any], bot: str, args: ToolArguments, principal: Principal,
        then: Then, delivery: Delivery | None = None, turns_required: bool = False,
    ) -> None:  # fmt: skip
        """See `Registry.begin`; the trace ends when `then` has taken the answer."""
        _describe(call, found, principal, bot)
        before, CURRENT.call = CURRENT.call, call
        try:
            self.begin(found, bot, args, principal, self._ending(call, then), delivery, turns_required)
        finally:
            CURRENT.call = before

    def end(self, call: CallTrace) -> None:
        """End the trace of a call, once; every trace ends here, and becomes an exemplar of its duration."""
        self._tracer.end(call)
        seconds = self.metrics.of(call.tool).seconds
        seconds.exemplify(call.ended - call.began, call.trace_id.hex(), time())

    def calling(self, call: CallTrace) -> CallTool:
        """Return `Registry.call` for one sampled call; its trace ends elsewhere."""

        async def call_tool(
            name: str, given: Mapping[str, object] | None, bound_bot: str | None, principal: Principal,
            delivery: Delivery | None = None, *, turns_required: bool = False,
        ) -> ToolAnswer:  # fmt: skip
            work = self.call(name, given, bound_bot, principal, delivery, turns_required=turns_required)
            try:
                answer = await call.run(work)
            except ProtocolError as fault:
                note_outcome(call, fault)
                raise
            note_outcome(call, answer)
            return answer

        return call_tool

    def _seat(
        self, found: Tool[Any], bot: str, args: ToolArguments, principal: Principal,
        delivery: Delivery | None, *, turns_required: bool,
    ) -> Seat:  # fmt: skip
        _describe(_current(), found, principal, bot)
        return super()._seat(found, bot, args, principal, delivery, turns_required=turns_required)

    def _served(
        self, found: Tool[Any], seat: Seat, args: ToolArguments
    ) -> Coroutine[Any, Any, ToolAnswer | ProtocolError]:
        return _current().run(super()._served(found, seat, args))

    def _admit_timed(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        call = _current()
        began = call.now()
        call.add(DECODE, call.began, began)
        try:
            self.admission.admit(principal, scope, bot, turns)
        finally:
            call.add(ADMIT, began, call.now())

    def _ending(self, call: CallTrace, then: Then) -> Then:
        def end(outcome: ToolAnswer | ProtocolError) -> None:
            note_outcome(call, outcome)
            before, CURRENT.call = CURRENT.call, call
            try:
                then(outcome)
            finally:
                CURRENT.call = before
                self.end(call)

        return end


class CallTracing:
    """Decides which calls of one server are sampled, and has the registry for them.

    Args:
        tracer: Begins and ends the traces.
        registry: Runs the sampled calls.
    """

    def __init__(self, tracer: Tracer, registry: TracedRegistry) -> None:
        self.tracer = tracer
        self.registry = registry

    def context_of(self, headers: Headers) -> Context:
        """Return the context of the calls that come under these headers."""
        return Context(self, parent_in_headers(headers), version_in(headers))

    def begin_request(self, scope: wire.Scope, envelope: wire.Envelope) -> CallTrace | None:
        """Begin the trace of a request that the short way refused; return None if it is not sampled."""
        message = envelope.message
        context = self.context_of(scope["headers"])
        params = message.get("params")
        meta = params.get("_meta") if isinstance(params, dict) else None
        named = parse_traceparent(meta.get("traceparent")) if isinstance(meta, dict) else None
        call = self.tracer.begin(named or context.parent)
        if call is not None:
            method = message.get("method")
            call.method = method if method in _METHODS else ""
            call.protocol_version = context.version
        return call


class Context:
    """The common part of the traces of all calls under one head.

    Attributes:
        parent: The parent that the header names.
        version: The revision of MCP; "" if it is not known.
        sampler: Decides about each call.
    """

    __slots__ = ("_tracing", "parent", "sampler", "version")

    def __init__(self, tracing: CallTracing, parent: Parent | None, version: str) -> None:
        self._tracing = tracing
        self.parent = parent
        self.version = version
        self.sampler = tracing.tracer.sampler

    def parent_of(self, meta: bytes) -> Parent | None:
        """Return the parent of a call: the one in its `_meta`, if that is valid, else the header's."""
        return parent_in_meta(meta) or self.parent

    def begin(self, parent: Parent | None, began: float) -> Callable[..., None] | None:
        """Begin the trace of a call, and return its `Registry.begin`; None if the call is not sampled.

        Args:
            parent: From `parent_of`.
            began: The beginning of the call by `perf_counter`, whose zero may be another one than ours.
        """
        call = self._tracing.tracer.begin(parent)
        if call is None:
            return None
        call.began -= perf_counter() - began
        call.protocol_version = self.version
        return partial(self._tracing.registry.begin_traced, call)


def version_in(headers: Headers) -> str:
    """Return the revision of MCP that a request names; "" if it names none that is known."""
    for name, value in headers:
        if name == b"mcp-protocol-version":
            return _VERSIONS.get(value, "")
    return ""


def note_outcome(call: CallTrace, outcome: ToolAnswer | ProtocolError) -> None:
    """Record the code of an answer that is an error; codes are words of ours, never of a caller."""
    if isinstance(outcome, ProtocolError):
        code = outcome.data.get("code") if outcome.data is not None else None
        call.error = str(code or outcome.code)
        call.is_fault = outcome.code == INTERNAL_ERROR or call.error in _FAULTS
    elif outcome.is_error and isinstance(outcome.structured, dict):
        call.error = str(outcome.structured.get("code", ""))
        call.is_fault = call.error in _FAULTS


def _describe(call: CallTrace, found: Tool[Any], principal: Principal, bot: str) -> None:
    call.method, call.tool, call.fleet = "tools/call", found.name, principal.fleet
    call.bot = bot if found.takes_bot else ""


def _current() -> CallTrace:
    call = CURRENT.call
    assert call is not None, "only sampled calls come here"
    return call
