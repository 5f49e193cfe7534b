"""The trace context that a caller sends: `traceparent`. What it cannot be read is as if it were absent.

Source: W3C, "Trace Context" level 2, section 3.2.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TRACEPARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})"
    r"(?P<rest>-.*)?",
    re.ASCII,
)
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
    found = _TRACEPARENT.fullmatch(value)
    if found is None or (found["version"] == "00" and found["rest"] is not None):
        return None
    trace_id, span_id = bytes.fromhex(found["trace"]), bytes.fromhex(found["span"])
    if not any(trace_id) or not any(span_id):
        return None
    return Parent(trace_id, span_id, bool(int(found["flags"], 16) & _SAMPLED))
