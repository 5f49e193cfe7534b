"""Spans of the traces of calls, as messages of OTLP. Only a process that sends spans imports this module.

The messages are made in place, and what many spans have in common is kept encoded. The official SDK builds a
span as objects, then as messages, and takes ten times as long (decision 034).

Source: OpenTelemetry, "Semantic conventions for MCP" and "for database client calls"; docs/traces.md.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span, Status

from dungeonfighter import __version__
from dungeonfighter.hosting.call_trace import COMMIT, CallTrace, Stage

_SAMPLED: Final = 0x01
_KNOWS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
"""The flags of a span: W3C's in the lowest byte, then whether its parent is of another process."""
_NANOSECONDS: Final = 1_000_000_000
_KINDS_MAX: Final = 1024
"""The number of kinds of calls (fleet, tool, ...) whose common part is kept."""


class SpanEncoder:
    """Makes messages of traces.

    Args:
        resource: The attributes of this process.
        db_system: The kind of the store.
    """

    def __init__(self, resource: Mapping[str, str | int], db_system: str) -> None:
        self._stages: dict[str, bytes] = {}
        self._calls: dict[tuple[str, ...], bytes] = {}
        self._db_system = db_system
        part = ResourceSpans()
        part.resource.attributes.extend(_pairs(resource))
        scope = part.scope_spans.add().scope
        scope.name, scope.version = "dungeonfighter", __version__
        self._empty = ExportTraceServiceRequest(resource_spans=[part]).SerializeToString()

    def new_request(self) -> ExportTraceServiceRequest:
        """Return the message of a batch, without spans yet."""
        request = ExportTraceServiceRequest()
        request.MergeFromString(self._empty)
        return request

    def add(self, request: ExportTraceServiceRequest, call: CallTrace, wall_offset_seconds: float) -> None:
        """Add the span of a call, and one for each of its stages.

        Args:
            request: From `new_request`.
            call: A call that has ended.
            wall_offset_seconds: Added to monotonic seconds, it gives seconds since 1970.
        """
        spans = request.resource_spans[0].scope_spans[0].spans
        offset = wall_offset_seconds
        span = spans.add()
        span.MergeFromString(self._common_of_call(call))
        span.trace_id, span.span_id = call.trace_id, call.span_id
        if call.parent_id:
            span.parent_span_id = call.parent_id
            span.flags |= _IS_REMOTE
        span.start_time_unix_nano = int((call.began + offset) * _NANOSECONDS)
        span.end_time_unix_nano = int((call.ended + offset) * _NANOSECONDS)
        _add_own_attributes(span, call)
        for stage in call.stages:
            span = spans.add()
            span.MergeFromString(self._stages.get(stage.name) or self._common_of_stage(stage))
            span.trace_id, span.parent_span_id = call.trace_id, call.span_id
            span.span_id = (random.getrandbits(64) or 1).to_bytes(8, "big")
            span.start_time_unix_nano = int((stage.began + offset) * _NANOSECONDS)
            span.end_time_unix_nano = int((stage.ended + offset) * _NANOSECONDS)
            if stage.batch_rows:
                _add(span, "db.operation.batch.size", stage.batch_rows)
            if stage.count > 1:
                _add(span, "dungeonfighter.count", stage.count)

    def _common_of_call(self, call: CallTrace) -> bytes:
        kind = (call.method, call.tool, call.protocol_version, call.fleet)
        encoded = self._calls.get(kind)
        if encoded is None:
            if len(self._calls) >= _KINDS_MAX:
                self._calls.clear()
            attributes = {
                "network.transport": "tcp",
                "mcp.method.name": call.method,
                "mcp.protocol.version": call.protocol_version,
                "gen_ai.operation.name": "execute_tool" if call.tool else "",
                "gen_ai.tool.name": call.tool,
                "dungeonfighter.fleet": call.fleet,
            }
            span = Span(
                name=f"{call.method or 'request'} {call.tool}".rstrip(),
                kind=Span.SPAN_KIND_SERVER,
                flags=_SAMPLED | _KNOWS_REMOTE,
                attributes=_pairs({name: text for name, text in attributes.items() if text}),
            )
            encoded = self._calls[kind] = bytes(span.SerializeToString())
        return encoded

    def _common_of_stage(self, stage: Stage) -> bytes:
        attributes = {"db.system.name": self._db_system} if stage.name == COMMIT else {}
        span = Span(
            name=stage.name,
            kind=Span.SPAN_KIND_INTERNAL,
            flags=_SAMPLED | _KNOWS_REMOTE,
            attributes=_pairs(attributes),
        )
        encoded = self._stages[stage.name] = bytes(span.SerializeToString())
        return encoded


def _add_own_attributes(span: Span, call: CallTrace) -> None:
    if call.bot:
        _add(span, "dungeonfighter.bot", call.bot)
    if call.stages_left_out:
        _add(span, "dungeonfighter.stages_left_out", call.stages_left_out)
    if call.error:
        _add(span, "error.type", call.error)
        if call.is_fault:
            span.status.code = Status.STATUS_CODE_ERROR


def _add(span: Span, name: str, value: str | int) -> None:
    pair = span.attributes.add()
    pair.key = name
    if isinstance(value, str):
        pair.value.string_value = value
    else:
        pair.value.int_value = value


def _pairs(attributes: Mapping[str, str | int]) -> list[KeyValue]:
    span = Span()
    for name, value in attributes.items():
        _add(span, name, value)
    return list(span.attributes)
