"""The rows of a store as plain values, and the decoding of a trail.

The trail is an array of MessagePack: origin, options, first turn, parent episode, the last operation ids (8
bytes each), the last inputs joined by newlines, and a mark (the last operation id and a checksum).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, field

OP_BYTES: Final = 8
OPS_MAX: Final = 8
INPUTS_MAX: Final = 64
"""The inputs of a trail, and those of a chunk."""


class Place(NamedTuple):
    """A position of a bot: a run and a turn. (0, 0) stands for a bot without a run."""

    episode: int
    turn: int

    def __str__(self) -> str:
        return f"e{self.episode} t{self.turn}"


class GameRow(Struct, frozen=True):
    """One row of `games`; each change of `directive` or `tokens_today` may be a write of its own."""

    version: int
    digest: bytes
    episode: int
    turn: int
    rules: str
    state: bytes
    trail: bytes
    directive: str = ""
    tokens_today: int = 0


class Chunk(Struct, frozen=True):
    """One row of `run_inputs`."""

    episode: int
    first_turn: int
    inputs: str


class RunEnd(Struct, frozen=True):
    """One row of `episodes`."""

    episode: int
    rules: str
    seed: int
    mode: str
    options: str
    first_turn: int
    last_turn: int
    result: str
    score: int
    digest: bytes
    ranked: bool
    origin: str
    nonce: bytes


class StoredBot(Struct):
    """All that a store has of one bot; `row` is None if only other tables name the bot."""

    row: GameRow | None = None
    chunks: list[Chunk] = field(default_factory=list)
    ends: dict[int, RunEnd] = field(default_factory=dict)
    bases: dict[int, bytes] = field(default_factory=dict)


Rows = dict[str, StoredBot]
"""The bots of one fleet by their ids, which lack the fleet."""


class Trail(Struct, array_like=True, frozen=True):
    """A decoded trail."""

    origin: str
    options: str
    first_turn: int
    parent_episode: int
    ops: bytes
    inputs: str
    mark: bytes = b""

    @property
    def texts(self) -> list[str]:
        """The last inputs, oldest first."""
        return self.inputs.split("\n") if self.inputs else []

    @property
    def op_list(self) -> list[bytes]:
        """The last operation ids, oldest first."""
        return [self.ops[at : at + OP_BYTES] for at in range(0, len(self.ops), OP_BYTES)]


_decode = msgspec.msgpack.Decoder(Trail).decode


def trail_of(raw: bytes) -> Trail | None:
    """Decode a trail; None if the bytes are none."""
    try:
        trail = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    is_whole = len(trail.ops) % OP_BYTES == 0 and len(trail.ops) <= OP_BYTES * OPS_MAX
    is_marked = not trail.mark or trail.mark[:OP_BYTES] == trail.ops[-OP_BYTES:]
    return trail if is_whole and is_marked else None
