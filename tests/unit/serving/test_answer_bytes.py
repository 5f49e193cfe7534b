"""Balancers may compress answers from a certain length on."""

from __future__ import annotations

import pytest

from dungeonfighter.limits import compressible_bytes_min
from dungeonfighter.serving.answer_bytes import answer_bytes


@pytest.mark.parametrize(
    ("length", "kept"),
    [(0, b"no-store, no-transform"), (-1, b"no-store, no-transform"), (1, b"no-store")],
)
def test_a_short_answer_forbids_compression(length: int, kept: bytes) -> None:
    body = b"x" * (length and compressible_bytes_min + min(length, 0))
    head = answer_bytes(200, body, [], (), keep_alive=True).removesuffix(body)
    assert b"\r\ncache-control: %b\r\n" % kept in head
