"""One checksum over all that is kept of a row, at the end of its trail.

The digest of a state covers the state alone. The seal covers everything else: key, version, episode, turn,
rules, trail, directive and tokens. Its four bytes (CRC-32: every flipped bit, every burst of 32) end the mark
of a trail, so no column is needed. A release that does not know of marks reads past them and writes its rows
without; such rows are accepted, and sealed with their next write.

Source: docs/decisions/017-a-seal-over-the-row.md.
"""

from __future__ import annotations

import struct
from typing import Final
from zlib import crc32

import msgspec

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import Row

_BYTES: Final = trails.SEAL_BYTES
_encode: Final = msgspec.msgpack.Encoder().encode
_pack: Final = struct.Struct(">I").pack


def sealed_row(
    bot_id: str, version: int, digest: bytes, episode: int, turn: int, rules: str, state: bytes, trail: bytes,
    directive: str, tokens_today: int,
) -> Row:  # fmt: skip
    """Make a row to be written; `trail` is an encoded trail whose seal is not set yet."""
    trail = trail[:-_BYTES]
    seal = crc32(_encode((bot_id, version, episode, turn, rules, directive, tokens_today)), crc32(trail))
    return Row(
        bot_id, version, digest, episode, turn, rules, state, trail + _pack(seal), directive, tokens_today
    )


def is_intact(row: Row) -> bool:
    """Tell if a row is what was sealed; a row without a seal is.

    Raises:
        UnicodeEncodeError: A text of the row is none.
    """
    if not trails.is_marked(row.trail):
        return True
    as_sealed = sealed_row(
        row.bot_id, row.version, row.digest, row.episode, row.turn, row.rules, row.state, row.trail,
        row.directive, row.tokens_today,
    )  # fmt: skip
    return as_sealed.trail == row.trail
