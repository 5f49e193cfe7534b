"""The commitment can be computed by anybody, from the documents alone."""

from __future__ import annotations

import hashlib

from dungeonfighter.replays.commitment import commitment

NONCE = bytes(range(16))


def test_the_commitment_is_as_the_documents_say() -> None:
    text = "dungeonfighter seed 1\n77\n000102030405060708090a0b0c0d0e0f\nada\n3\n"
    assert commitment(77, NONCE, "ada", 3) == hashlib.sha256(text.encode()).hexdigest()


def test_each_part_matters() -> None:
    parts = [(77, NONCE, "ada", 3), (78, NONCE, "ada", 3), (77, NONCE[::-1], "ada", 3)]
    parts += [(77, NONCE, "adb", 3), (77, NONCE, "ada", 4)]
    assert len({commitment(*part) for part in parts}) == len(parts)
