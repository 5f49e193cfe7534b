"""Consumers of RabbitMQ divide the streams by what they hear of each other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dungeonfighter.ingress.partitions import STREAMS
from dungeonfighter.ingress.rabbitmq_members import Members, Word, division, encode_word


@settings(deadline=None)
@given(st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=20))
def test_shares_differ_by_one_and_all_get_the_same_division(owners: set[str]) -> None:
    mine = division(owners)
    shares = Counter(dict.fromkeys(owners, 0)) + Counter(mine)
    counts = [shares[one] for one in owners]
    assert sum(counts) == STREAMS
    assert max(counts) - min(counts) <= 1
    assert division(sorted(owners, reverse=True)) == mine


def test_few_streams_move_when_a_consumer_comes() -> None:
    owners = [f"consumer-{number}" for number in range(3)]
    former, latter = division(owners), division([*owners, "consumer-3"])
    moved = sum(one != other for one, other in zip(former, latter, strict=True))
    assert moved <= 2 * STREAMS // 4


def test_a_consumer_that_is_silent_or_leaves_loses_its_share() -> None:
    members = Members("me", 5.0)
    assert members.share(0.0) == set(range(STREAMS))
    assert members.hear(encode_word(Word("other", claims=(3, 4))), 0.0)
    assert not members.hear(encode_word(Word("other", claims=(3, 4))), 1.0), "that is nothing new"
    assert len(members.share(5.9)) == STREAMS // 2
    assert members.claimed() == {3, 4}
    assert len(members.share(6.0)) == STREAMS
    members.hear(encode_word(Word("third")), 7.0)
    assert members.hear(encode_word(Word("third", leaves=True)), 7.1)
    assert len(members.share(7.2)) == STREAMS
    assert members.claimed() == frozenset()


def test_a_question_is_noted() -> None:
    members = Members("me", 5.0)
    assert members.hear(encode_word(Word("new", asks=True)), 0.0)
    assert members.is_asked


@pytest.mark.parametrize("body", [b"", b"[]", b'{"owner":1}', b"\xff", encode_word(Word("me", (1,)))])
def test_garbage_and_the_own_words_do_not_count(body: bytes) -> None:
    members = Members("me", 5.0)
    assert not members.hear(body, 0.0)
    assert members.share(0.0) == set(range(STREAMS))
