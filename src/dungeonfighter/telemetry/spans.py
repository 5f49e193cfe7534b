"""Spans of the traces of calls, as messages of OTLP. Only a process that sends spans imports this module.

The messages are made directly. The official SDK would build a span twice, as objects and as messages, and
take six times as long for a call (decision 034).

Source: OpenTelemetry, "Trace semantic conventions: MCP" and "Database client spans"; docs/traces.md.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from dungeonfighter import __version__
from dungeonfighter.hosting.call_trace import COMMIT, CallTrace, Stage

_SAMPLED: Final = 0x01
_KNOWS_REMOTE: Final = 0x100
_IS_REMOTE: Final = 0x200
"""The flags of a span: W3C's in the lowest byte, then whether its parent is of another process."""
_ERROR: Final = Status(code=Status.STATUS_CODE_ERROR)
_NANOSECONDS: Final = 1_000_000_000


def resource_of(attributes: Mapping[str, str | int]) -> Resource:
    """Return the description of this process."""
    return Resource(attributes=_pairs(attributes))


def spans_of(call: CallTrace, db_system: str, wall_offset_seconds: float) -> list[Span]:
    """Return the span of a call, and one for each of its stages.

    Args:
        call: A call that has ended.
        db_system: The kind of the store.
        wall_offset_seconds: Added to monotonic seconds, it gives seconds since 1970.
    """
    root = Span(
        trace_id=call.trace_id,
        span_id=call.span_id,
        parent_span_id=call.parent_id,
        flags=_SAMPLED | _KNOWS_REMOTE | (_IS_REMOTE if call.parent_id else 0),
        name=f"{call.method or 'request'} {call.tool}".rstrip(),
        kind=Span.SPAN_KIND_SERVER,
        start_time_unix_nano=_nanoseconds(call.began, wall_offset_seconds),
        end_time_unix_nano=_nanoseconds(call.ended, wall_offset_seconds),
        attributes=_pairs(_attributes(call)),
        status=_ERROR if call.is_fault else None,
    )
    return [root, *(_span_of(stage, call, db_system, wall_offset_seconds) for stage in call.stages)]


def request_of(resource: Resource, spans: Iterable[Span]) -> ExportTraceServiceRequest:
    """Return the message that sends these spans."""
    scope = InstrumentationScope(name="dungeonfighter", version=__version__)
    scoped = ScopeSpans(scope=scope, spans=spans)
    return ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=resource, scope_spans=[scoped])])


def _attributes(call: CallTrace) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {"network.transport": "tcp"}
    if call.method:
        attributes["mcp.method.name"] = call.method
    if call.protocol_version:
        attributes["mcp.protocol.version"] = call.protocol_version
    if call.tool:
        attributes["gen_ai.operation.name"] = "execute_tool"
        attributes["gen_ai.tool.name"] = call.tool
    if call.fleet:
        attributes["dungeonfighter.fleet"] = call.fleet
    if call.bot:
        attributes["dungeonfighter.bot"] = call.bot
    if call.error:
        attributes["error.type"] = call.error
    if call.stages_left_out:
        attributes["dungeonfighter.stages_left_out"] = call.stages_left_out
    return attributes


def _span_of(stage: Stage, call: CallTrace, db_system: str, wall_offset_seconds: float) -> Span:
    attributes: dict[str, str | int] = {}
    if stage.count > 1:
        attributes["dungeonfighter.count"] = stage.count
    if stage.name == COMMIT:
        attributes["db.system.name"] = db_system
        attributes["db.operation.batch.size"] = stage.batch_rows
    return Span(
        trace_id=call.trace_id,
        span_id=(random.getrandbits(64) or 1).to_bytes(8, "big"),
        parent_span_id=call.span_id,
        flags=_SAMPLED | _KNOWS_REMOTE,
        name=stage.name,
        kind=Span.SPAN_KIND_INTERNAL,
        start_time_unix_nano=_nanoseconds(stage.began, wall_offset_seconds),
        end_time_unix_nano=_nanoseconds(stage.ended, wall_offset_seconds),
        attributes=_pairs(attributes) if attributes else None,
    )


def _nanoseconds(seconds: float, wall_offset_seconds: float) -> int:
    return int((seconds + wall_offset_seconds) * _NANOSECONDS)


def _pairs(attributes: Mapping[str, str | int]) -> list[KeyValue]:
    return [
        KeyValue(
            key=name,
            value=AnyValue(string_value=value) if isinstance(value, str) else AnyValue(int_value=value),
        )
        for name, value in attributes.items()
    ]
