"""The trail of a row: what an input adds to it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt
from dungeonfighter.hosting import trail as trails

_INPUTS = st.lists(st.sampled_from(["1", "2", "10", "equip 3", "trade 1,2,3,4,5", "x" * 48]), max_size=150)


@settings(deadline=None)
@given(
    texts=_INPUTS,
    first_turn=st.sampled_from([0, 1, 127, 128, 50240, 12_829_696]),
    parent=st.sampled_from([0, 64, 50240, 2**40]),
    options=st.sampled_from(["", "{}", '{"name":"\u0100@"}', "y" * 300]),
)
def test_an_input_added_to_the_bytes_makes_the_bytes_of_the_trail_it_is_added_to(
    texts: list[str], first_turn: int, parent: int, options: str
) -> None:
    empty = trails.decode(b"")
    trail = trails.begun(
        empty, b"op-start", origin="load", options=options, first_turn=first_turn, parent_episode=parent
    )
    raw = trails.encode(trail)
    for turn, text in zip(itertools.count(first_turn), texts):
        op = turn.to_bytes(limits.op_bytes, "big")
        trail = trails.appended(trail, text, op)
        raw = trails.played(raw, text, op, turn)
        assert raw == trails.encode(trail)


@pytest.mark.parametrize("raw", [b"\xc1", b"\x90", trails.encode(trails.decode(b""))[:-1]])
def test_no_input_is_added_to_bytes_that_are_no_trail(raw: bytes) -> None:
    with pytest.raises(Corrupt):
        trails.played(raw, "1", bytes(limits.op_bytes), 0)


def test_an_input_can_be_added_to_the_trail_of_no_run() -> None:
    op = bytes(limits.op_bytes)
    assert trails.played(b"", "1", op, 0) == trails.encode(trails.appended(trails.decode(b""), "1", op))
