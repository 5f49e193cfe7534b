"""The trail of a row: the origin of its run, the last inputs, and the last operation ids.

With the trail any replica can answer a repeated request (the last 64 inputs with their turns), and can find
out if its own write had won (the last 8 operation ids). Every write of a row, whatever it changes, appends
exactly one operation id, so the id of version `v` has a known place: `ops[-(version - v) - 1]`.

An encoded trail ends with its mark: the last operation id once more, and the seal of the row
(`hosting.seal`). Stores compare the mark together with version and digest, so that a server whose writes
a fail-over has lost cannot overwrite the trail of another server.

Source: docs/architecture.md, "One request, one effect".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt

ORIGIN_NEW: Final = "new"
ORIGIN_RESET: Final = "reset"
ORIGIN_LOAD: Final = "load"
ORIGIN_FORK: Final = "fork"
ORIGINS_WITH_OPTIONS: Final = frozenset({ORIGIN_NEW, ORIGIN_RESET})
"""The origins of runs whose first state follows from seed and options; the store keeps that of others."""

WAY_OUT: Final = "start_new_game begins a new run in its place"
"""The advice about a damaged row."""

_OPS_BYTES: Final = limits.trail_ops_max * limits.op_bytes
SEAL_BYTES: Final = 4
_UNSEALED: Final = bytes(SEAL_BYTES)
_MARKED: Final = 0x97
"""MessagePack: an array of seven elements; a release that does not know marks writes six."""


class Trail(Struct, array_like=True, frozen=True):
    """The decoded trail. The digest of the state does not cover it.

    Attributes:
        origin: The beginning of the run: new, reset, load or fork.
        options: The requested options in one canonical text; equal texts mean the same request.
        first_turn: The turn at which the run began (0 unless it was loaded).
        parent_episode: The run before this one, or the run that it was loaded from; 0 for none.
        ops: The last operation ids, 8 bytes each, newest last.
        inputs: The last inputs, joined by newlines, newest last; the last one led to the row's turn.
    """

    origin: str
    options: str
    first_turn: int
    parent_episode: int
    ops: bytes
    inputs: str


class _Open(Struct, array_like=True, gc=False):
    """The fields of an encoded trail, mark included; `played` changes them in place."""

    origin: str
    options: str
    first_turn: int
    parent_episode: int
    ops: bytes
    inputs: str
    mark: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Trail)
_open = msgspec.msgpack.Decoder(_Open).decode
_close = _encoder.encode


def encode(trail: Trail) -> bytes:
    """Encode a trail for a row; four zero bytes stand in place of the seal."""
    mark = trail.ops[-limits.op_bytes :] + _UNSEALED
    return _close(
        _Open(
            trail.origin, trail.options, trail.first_turn, trail.parent_episode, trail.ops, trail.inputs, mark
        )
    )


def is_marked(raw: bytes) -> bool:
    """Return True if an encoded trail ends with a mark."""
    return bool(raw) and raw[0] == _MARKED


def decode(raw: bytes) -> Trail:
    """Decode the trail of a row; an empty one for a row that never had a run.

    Raises:
        Corrupt: The bytes are not a trail.
    """
    if not raw:
        return Trail("", "", 0, 0, b"", "")
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt(f"the stored trail of this game is damaged; {WAY_OUT}") from error


def readable(raw: bytes) -> Trail:
    """Decode the trail of a row; an empty one where the bytes are not a trail."""
    try:
        return decode(raw)
    except (Corrupt, TypeError):
        return decode(b"")


def only_ops(trail: Trail) -> Trail:
    """Return a damaged trail with its operation ids alone: they may show that a request is a repeat."""
    return Trail("", "", 0, 0, trail.ops, "")


def appended(trail: Trail, text: str, op: bytes) -> Trail:
    """Return the trail after one more input."""
    inputs = trail.inputs
    if not inputs:
        inputs = text
    else:
        inputs = f"{inputs}\n{text}"
        if inputs.count("\n") >= limits.trail_inputs_max:
            inputs = inputs[inputs.index("\n") + 1 :]
    return Trail(
        trail.origin,
        trail.options,
        trail.first_turn,
        trail.parent_episode,
        (trail.ops + op)[-_OPS_BYTES:],
        inputs,
    )


def played(raw: bytes, text: str, op: bytes, turn: int) -> bytes:
    """Return the bytes of `encode(appended(decode(raw), text, op))`: the trail after one more input.

    Every turn calls this function, which takes two thirds of the instructions of the three calls (counted).

    Args:
        raw: The trail of the row.
        text: The input.
        op: The operation id of this write.
        turn: The turn before the input. A trail has all inputs since `first_turn`, or the last 64.

    Raises:
        Corrupt: The bytes are not a trail.
    """
    try:
        trail = _open(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return encode(appended(decode(raw), text, op))
    trail.ops = (trail.ops + op)[-_OPS_BYTES:]
    inputs = trail.inputs
    if turn - trail.first_turn >= limits.trail_inputs_max:
        inputs = inputs.partition("\n")[2]
    trail.inputs = f"{inputs}\n{text}" if inputs else text
    trail.mark = op + _UNSEALED
    return _close(trail)


def extended(trail: Trail, texts: Sequence[str]) -> Trail:
    """Return the trail after the inputs of one write; `marked` then appends its operation id."""
    inputs = [*last_inputs(trail), *texts][-limits.trail_inputs_max :]
    return msgspec.structs.replace(trail, inputs="\n".join(inputs))


def marked(trail: Trail, op: bytes) -> Trail:
    """Return the trail with the operation id of a write that is not the play of a single input."""
    return msgspec.structs.replace(trail, ops=(trail.ops + op)[-_OPS_BYTES:])


def begun(
    before: Trail, op: bytes, *, origin: str, options: str, first_turn: int, parent_episode: int
) -> Trail:
    """Return the trail of a new run; it keeps the operation ids and has no inputs."""
    return Trail(origin, options, first_turn, parent_episode, (before.ops + op)[-_OPS_BYTES:], "")


def input_at(trail: Trail, turn_now: int, turn: int) -> str | None:
    """Return the input that was applied at `turn`; None if the trail does not reach back so far."""
    found = inputs_from(trail, turn_now, turn, 1)
    return found[0] if found else None


def inputs_from(trail: Trail, turn_now: int, turn: int, count: int) -> list[str] | None:
    """Return the `count` inputs applied from `turn` on; None if the trail does not have them all."""
    inputs = last_inputs(trail)
    begin = turn - (turn_now - len(inputs))
    return inputs[begin : begin + count] if 0 <= begin <= len(inputs) - count else None


def ends_with(trail: Trail, texts: Sequence[str]) -> bool:
    """Return True if the trail ends with these inputs, as far back as a trail reaches."""
    inputs, wanted = last_inputs(trail), list(texts[-limits.trail_inputs_max :])
    return inputs[len(inputs) - len(wanted) :] == wanted if len(wanted) <= len(inputs) else False


def last_inputs(trail: Trail) -> list[str]:
    """Return the inputs of the trail, oldest first."""
    return trail.inputs.split("\n") if trail.inputs else []


def version_of(trail: Trail, version_now: int, op: bytes) -> int | None:
    """Return the version that the operation `op` wrote; None if the trail does not list `op`."""
    ops = trail.ops
    for end in range(len(ops), 0, -limits.op_bytes):
        if ops[end - limits.op_bytes : end] == op:
            return version_now - (len(ops) - end) // limits.op_bytes
    return None


def covers(trail: Trail, version_now: int, version: int) -> bool:
    """Return True if the trail reaches back to the operation that wrote `version`."""
    return version > version_now - len(trail.ops) // limits.op_bytes


def unspilled(trail: Trail, turn_now: int) -> tuple[int, str]:
    """Return the turn of the first input that is in no chunk yet, and all such inputs joined by newlines.

    Without such inputs the text is empty. Chunks end at multiples of 64 turns, counted from turn 0.
    """
    first = max(trail.first_turn, (turn_now - 1) // limits.trail_inputs_max * limits.trail_inputs_max)
    count = turn_now - first
    if count <= 0 or not trail.inputs:
        return turn_now, ""
    return first, "\n".join(trail.inputs.split("\n")[-count:])
