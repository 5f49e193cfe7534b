"""The public set of seeds: the same for everybody under one version of the rules.

Its runs are practice and comparison, never ranked: whoever knows a seed can try inputs offline. The private
set consists of the seeds that a server draws and shows when the run is over (docs/replays.md).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from dungeonfighter import limits
from dungeonfighter.rules.engine import VERSION


def public_seeds(version: int = VERSION) -> tuple[int, ...]:
    """Return the seeds of the public set, number 1 first.

    Each is 8 bytes of a hash over the version of the rules and its number, less the bits beyond `seed_max`.
    """
    return tuple(_seed(version, number) for number in range(1, limits.public_seeds + 1))


def _seed(version: int, number: int) -> int:
    hashed = blake2b(f"{version} {number}".encode(), digest_size=8, person=b"public seeds").digest()
    return int.from_bytes(hashed, "big") & limits.seed_max


PUBLIC: Final = public_seeds()
