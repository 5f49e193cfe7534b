"""The log of a run: the last `limits.log_events_max` events, as coded in `events.py`.

An encoded state has the events of the present turn as the list `State.log`. The events of former turns are
encoded bytes, joined in `State.past`; `State.past_sizes` has the size of each. A turn appends the bytes of
the turn before it, cuts off the oldest, and decodes none. As a list these events were a quarter of the work
of reading and writing a state (counted). Between two encodings `State.log` begins with the events of the
turns since the last one: the present turn begins at `State.turn_start`.

Source: docs/decisions/014-a-turn-opens-its-state.md.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Any, Final

import msgspec
from msgspec import Raw

from dungeonfighter import limits
from dungeonfighter.rules.state import State

_EVENTS_MAX: Final = limits.log_events_max
_encode: Final = msgspec.msgpack.Encoder().encode
_read_event: Final = msgspec.msgpack.Decoder(list[int]).decode
_read_events: Final = msgspec.msgpack.Decoder(list[list[int]]).decode


def fold(state: State) -> None:
    """Move the events of former turns into the past and drop the oldest; `recent` stays the same."""
    sizes, past, turn_start = state.past_sizes, state.past, state.turn_start
    if turn_start:
        log = state.log
        former, state.log, state.turn_start = log[:turn_start], log[turn_start:], 0
        last: object = former[-1]
        parts: Any = former if type(last) is Raw else [_bytes_of(event) for event in former]
        sizes += bytes(map(len, parts))
        past += b"".join(parts)
    over = len(sizes) + len(state.log) - _EVENTS_MAX
    if over > 0:
        past = past[sum(sizes[:over]) :]
        sizes = sizes[over:]
    state.past_sizes, state.past = sizes, past


def _bytes_of(event: object) -> object:
    """Encode an event, unless it is still the bytes of an opened state."""
    return event if type(event) is Raw else _encode(event)


def recent(state: State) -> list[list[int]]:
    """Return the last events, the oldest first; the log may be folded or not.

    Raises:
        msgspec.DecodeError: See `past`.
    """
    return [*past(state), *present(state)][-_EVENTS_MAX:]


def past(state: State) -> list[list[int]]:
    """Decode the events of the past.

    Raises:
        msgspec.DecodeError: The bytes do not match the sizes, or are not events.
    """
    whole = state.past
    ends = [0, *accumulate(state.past_sizes)]
    if ends[-1] != len(whole):
        raise msgspec.DecodeError("the past of the log has another length than its events")
    return [*map(_read_event, map(whole.__getitem__, map(slice, ends, ends[1:])))]


def present(state: State) -> list[list[int]]:
    """Return the events of `State.log`; those that are still bytes are decoded in one call."""
    return _read_events(_encode(state.log))
