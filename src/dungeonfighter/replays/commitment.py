"""The commitment to the seed of a ranked run: shown when the run begins, checked when it is over.

The server shows a hash of the seed and of random bytes before the first input. When the run is over it shows
both, so anybody can check that the seed was fixed before the bot played.
"""

from __future__ import annotations

from hashlib import sha256

_DOMAIN = "dungeonfighter seed 1"


def commitment(seed: int, nonce: bytes, bot: str, episode: int) -> str:
    """Return the SHA-256 of seed, nonce, bot and episode, in hexadecimal digits.

    The hashed text is `dungeonfighter seed 1`, the seed in decimal digits, the nonce in hexadecimal digits,
    the id of the bot without its fleet, and the episode, each followed by a newline.
    """
    text = "".join(f"{part}\n" for part in (_DOMAIN, seed, nonce.hex(), bot, episode))
    return sha256(text.encode()).hexdigest()
