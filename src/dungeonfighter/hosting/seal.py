"""One digest over all that is kept of a row, at the end of its trail.

The digest of a state covers the state alone. The seal covers everything else as well: key, version, digest,
episode, turn, rules, trail, directive and tokens. It is the seventh element of the trail's array, so no
column is needed, and a release that does not know it reads past it and writes its rows without. Such rows
are accepted, and sealed with their next write.

The last bytes of a trail also identify its lineage: stores compare them together with version and digest.

Source: docs/decisions/017-a-seal-over-the-row.md.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Final

from dungeonfighter import limits
from dungeonfighter.hosting.ports import Row

_BYTES: Final = limits.row_tail_bytes
_UNSEALED: Final = 0x96
"""MessagePack: an array of the six elements of `Trail`."""
_SEALED: Final = 0x97
_SEAL_HEAD: Final = b"\xc4%c" % _BYTES
"""MessagePack: bytes, so many."""
_numbers: Final = struct.Struct(">qqqq").pack


def sealed_row(
    bot_id: str, version: int, digest: bytes, episode: int, turn: int, rules: str, state: bytes, trail: bytes,
    directive: str, tokens_today: int,
) -> Row:  # fmt: skip
    """Make a row to be written; `trail` is an encoded trail without a seal."""
    trail = trail[1:]
    seal = blake2b(
        b"%b%b%b%b" % (
            _numbers(version, episode, turn, tokens_today), digest, trail,
            f"{bot_id}\n{rules}\n{directive}".encode(),
        ), digest_size=_BYTES,
    ).digest()  # fmt: skip
    trail = b"\x97%b\xc4\x08%b" % (trail, seal)
    return Row(bot_id, version, digest, episode, turn, rules, state, trail, directive, tokens_today)


def is_intact(row: Row) -> bool:
    """Tell if a row is what was sealed; a row without a seal is."""
    trail = row.trail
    if not trail or trail[0] != _SEALED:
        return True
    end = len(trail) - _BYTES - len(_SEAL_HEAD)
    unsealed = bytes([_UNSEALED]) + trail[1:end]
    try:
        as_sealed = sealed_row(
            row.bot_id, row.version, row.digest, row.episode, row.turn, row.rules, row.state, unsealed,
            row.directive, row.tokens_today,
        )  # fmt: skip
    except (struct.error, UnicodeEncodeError):
        return False
    return as_sealed.trail == trail
