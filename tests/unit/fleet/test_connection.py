"""One connection of the load generator and what it makes of the bytes it gets: whole, in pieces, too many."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from dungeonfighter.fleet.http import Connection, Endpoint

BODY = b'{"jsonrpc":"2.0","id":1,"result":{}}'
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
OTHER_BODY = b'{"jsonrpc":"2.0","id":2,"result":{"content":[]}}'
LATER = PLAIN.replace(b"OK\r\n", b"OK\r\ndate: now\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
CLOSING = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"
INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"


class Wire:
    """Stands where the transport is: notes what is written and whether it was broken off."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_broken = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.is_broken = True


class Asked:
    """Notes how its request ended."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, bytes] | str] = []

    def answered(self, status: int, body: bytes) -> None:
        self.ends.append((status, body))

    def unanswered(self, kind: str, told: str) -> None:
        self.ends.append(kind)


class Case:
    """A connection with one request out."""

    def __init__(self) -> None:
        self.endpoint = Endpoint("http://127.0.0.1:1")
        self.connection = Connection(self.endpoint)
        self.wire = Wire()
        self.asked = Asked()
        self.connection.connection_made(cast("asyncio.Transport", self.wire))
        self.connection.exchange(self.asked, b"request")


@pytest.fixture
def case() -> Case:
    return Case()


def experienced(*answers: bytes) -> Case:
    """A case whose endpoint has heard these answers before."""
    case = Case()
    for answer in answers:
        case.connection.data_received(answer)
        case.connection.exchange(case.asked, b"request")
    case.asked.ends.clear()
    return case


def plain(body: bytes, head: bytes = PLAIN) -> bytes:
    """An answer with the head of another."""
    return head[: head.index(b"length: ") + 8] + b"%d\r\n\r\n%b" % (len(body), body)


def test_a_plain_answer_is_read_and_the_connection_stays(case: Case) -> None:
    case.connection.data_received(PLAIN)
    assert case.asked.ends == [(200, BODY)]
    assert case.connection.usable
    assert not case.endpoint.pending


@pytest.mark.parametrize(
    "whole", [PLAIN, CHUNKED, CLOSING, REFUSAL, INTERIM + PLAIN], ids=lambda b: str(b[9:30])
)
def test_it_does_not_matter_where_an_answer_is_cut(whole: bytes) -> None:
    expected = (503, b"{}") if whole is REFUSAL else (200, BODY)
    for at in range(1, len(whole)):
        case = Case()
        case.connection.data_received(whole[:at])
        assert case.asked.ends == []
        assert list(case.endpoint.pending) == [case.connection]
        case.connection.data_received(whole[at:])
        assert case.asked.ends == [expected]
        assert case.connection.usable == (whole is not CLOSING)


@pytest.mark.parametrize(
    "whole", [PLAIN, CHUNKED, CLOSING, REFUSAL, INTERIM + PLAIN], ids=lambda b: str(b[9:30])
)
def test_nor_does_it_where_heads_are_known(whole: bytes) -> None:
    expected = (503, b"{}") if whole is REFUSAL else (200, BODY)
    for at in range(1, len(whole)):
        case = experienced(PLAIN)
        case.connection.data_received(whole[:at])
        assert case.asked.ends == []
        case.connection.data_received(whole[at:])
        assert case.asked.ends == [expected]
        assert case.connection.usable == (whole is not CLOSING)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 99, 100, 101, 999, 1000, 2033, 2041, 2047, 2048, 5000])
def test_an_answer_with_a_known_head_is_what_the_parser_makes_of_it(size: int) -> None:
    body = b"x" * size
    case = experienced(PLAIN)
    assert case.endpoint.heads
    case.connection.data_received(plain(body))
    assert case.asked.ends == [(200, body)]
    assert case.connection.usable
    assert not case.endpoint.pending


@pytest.mark.parametrize(
    "answer",
    [
        plain(OTHER_BODY)[:-1],
        plain(OTHER_BODY) + b"x",
        plain(OTHER_BODY).replace(b"length: ", b"length: 1"),
        plain(OTHER_BODY).replace(b"length: ", b"length: 0"),
        plain(OTHER_BODY).replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
        plain(b"").replace(b"0\r\n", b"\r\n"),
        plain(OTHER_BODY).replace(b"200 OK", b"201 OK"),
        plain(OTHER_BODY).replace(b"\r\n", b"\n"),
    ],
)
def test_nothing_but_the_length_may_differ_from_a_known_head(answer: bytes) -> None:
    novice, expert = Case(), experienced(PLAIN)
    for case in (novice, expert):
        case.connection.data_received(answer)
    assert expert.asked.ends == novice.asked.ends
    assert expert.connection.usable == novice.connection.usable
    assert expert.connection.is_asked == novice.connection.is_asked


def test_two_heads_are_known_at_a_time() -> None:
    first, second, third = (LATER.replace(b"now", b"%d" % second) for second in range(3))
    case = experienced(first, second, first, third, second)
    assert case.endpoint.heads == tuple(answer[: answer.index(b"length: ") + 8] for answer in (third, second))


@pytest.mark.parametrize(
    "answer", [CHUNKED, CLOSING, REFUSAL, INTERIM + PLAIN, LATER.replace(b"now", b"x" * 1024)]
)
def test_no_head_is_learned_of_an_unusual_answer(case: Case, answer: bytes) -> None:
    case.connection.data_received(answer)
    assert len(case.asked.ends) == 1
    assert not case.endpoint.heads


def test_nor_of_one_in_pieces(case: Case) -> None:
    case.connection.data_received(PLAIN[:20])
    case.connection.data_received(PLAIN[20:])
    assert case.asked.ends == [(200, BODY)]
    assert not case.endpoint.heads


def test_answers_byte_by_byte_one_after_the_other(case: Case) -> None:
    for _ in range(2):
        for at in range(len(PLAIN)):
            case.connection.data_received(PLAIN[at : at + 1])
        case.connection.exchange(case.asked, b"request")
    case.connection.data_received(PLAIN)
    assert case.asked.ends == [(200, BODY)] * 3


@pytest.mark.parametrize("more", [PLAIN, PLAIN[:5], b"\x00"])
def test_more_than_the_answer_is_an_answer_and_a_connection_nobody_trusts(case: Case, more: bytes) -> None:
    case.connection.data_received(PLAIN + more)
    assert case.asked.ends in ([(200, BODY)], ["bad_http"])
    assert not case.connection.usable
    assert case.wire.is_broken


def test_an_answer_nobody_asked_for_breaks_the_connection(case: Case) -> None:
    case.connection.data_received(PLAIN)
    case.connection.data_received(PLAIN)
    assert case.asked.ends == [(200, BODY)]
    assert not case.connection.usable


@pytest.mark.parametrize("piece", [b"", PLAIN[:10], PLAIN[:60], PLAIN[:-1], CHUNKED[:-2]])
def test_a_connection_closed_within_an_answer_gives_none(case: Case, piece: bytes) -> None:
    if piece:
        case.connection.data_received(piece)
    case.connection.connection_lost(None)
    assert case.asked.ends == ["closed"]
    assert not case.connection.usable
    assert not case.endpoint.pending


def test_a_length_that_is_none_is_no_answer(case: Case) -> None:
    case.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}")
    assert case.asked.ends == ["bad_http"]


def test_an_abandoned_request_is_not_answered_any_more(case: Case) -> None:
    case.connection.abandon()
    case.connection.connection_lost(None)
    assert case.asked.ends == []
    assert case.endpoint.connected == 0
