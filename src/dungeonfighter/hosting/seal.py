"""The seal: one checksum over a whole row, at the end of its trail.

The digest of a state covers the state alone. The seal covers everything else: key, version, episode, turn,
rules, trail, directive and tokens. Its four bytes are the end of the mark of a trail, so it needs no column;
a CRC-32 detects every single flipped bit and every burst of up to 32 bits. A release that does not know marks
ignores them and writes rows without a mark; this release accepts such rows, and seals them with their next
write.

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
    """Return a row for the store, with its seal in the last bytes of `trail`, an encoded trail."""
    trail = trail[:-_BYTES]
    seal = crc32(_encode((bot_id, version, episode, turn, rules, directive, tokens_today)), crc32(trail))
    return Row(
        bot_id, version, digest, episode, turn, rules, state, trail + _pack(seal), directive, tokens_today
    )


def is_intact(row: Row) -> bool:
    """Return True if the seal of a row matches its content, or if the row has no seal.

    Raises:
        UnicodeEncodeError: A text of the row is not UTF-8.
    """
    if not trails.is_marked(row.trail):
        return True
    as_sealed = sealed_row(
        row.bot_id, row.version, row.digest, row.episode, row.turn, row.rules, row.state, row.trail,
        row.directive, row.tokens_today,
    )  # fmt: skip
    return as_sealed.trail == row.trail
