"""The trace context that a caller sends: `traceparent`. One that is not valid is as if it were absent.

Source: W3C, "Trace Context" level 2, section 3.2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_PARTS_CHARS: Final = (2, 32, 16, 2)
"""The lengths of version, trace id, span id and flags."""
_HEX: Final = frozenset("0123456789abcdef")
_CHARACTERS_MAX: Final = 256
_SAMPLED: Final = 0x01


class Parent(NamedTuple):
    """The span of the caller: 16 and 8 bytes, and whether the caller samples its trace."""

    trace_id: bytes
    span_id: bytes
    is_sampled: bool


def parse_traceparent(value: object) -> Parent | None:
    """Return the parent that a `traceparent` names; None if the value is of another type or not valid.

    Later versions than 00 may have further parts, which are ignored.
    """
    if not isinstance(value, str) or len(value) > _CHARACTERS_MAX:
        return None
    given = value.split("-", len(_PARTS_CHARS))
    parts, rest = given[: len(_PARTS_CHARS)], given[len(_PARTS_CHARS) :]
    if tuple(map(len, parts)) != _PARTS_CHARS or not set("".join(parts)) <= _HEX:
        return None
    version, trace_id, span_id = parts[0], bytes.fromhex(parts[1]), bytes.fromhex(parts[2])
    if version == "ff" or (version == "00" and rest) or not any(trace_id) or not any(span_id):
        return None
    return Parent(trace_id, span_id, bool(int(parts[3], 16) & _SAMPLED))
