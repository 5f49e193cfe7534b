"""The log of a run: what its last turns did, as coded events (`events.py`), `limits.log_events_max` at most.

An encoded state has the events of the present turn as the list `State.log`. Those of former turns are the
bytes they were encoded to, end to end in `State.past`, and how many each takes in `State.past_sizes`: a turn
adds those of the turn before it, cuts off the oldest, and reads none. As a list they were a quarter of
reading and writing a state (counted). Between two encodings `State.log` also holds, in front, the
`State.told` events of the turns since.

Source: game.md section 1; docs/decisions/014-a-turn-opens-its-state.md.
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
    """Move the events of former turns into the past, and let go of what is too old; the state means what it
    meant.
    """
    sizes, past, told = state.past_sizes, state.past, state.told
    if told:
        log = state.log
        former, state.log, state.told = log[:told], log[told:], 0
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
    """The event encoded; one that was only opened is."""
    return event if type(event) is Raw else _encode(event)


def recent(state: State) -> list[list[int]]:
    """The last events, the oldest first, whether the log is folded or not.

    Raises:
        msgspec.DecodeError: See `past`.
    """
    return [*past(state), *present(state)][-_EVENTS_MAX:]


def past(state: State) -> list[list[int]]:
    """The events of the past.

    Raises:
        msgspec.DecodeError: Its bytes are not as many events as there are sizes.
    """
    whole = state.past
    ends = [0, *accumulate(state.past_sizes)]
    if ends[-1] != len(whole):
        raise msgspec.DecodeError("the past of the log has another length than its events")
    return [*map(_read_event, map(whole.__getitem__, map(slice, ends, ends[1:])))]


def present(state: State) -> list[list[int]]:
    """The events in the log, read all at once if they are still bytes."""
    return _read_events(_encode(state.log))
