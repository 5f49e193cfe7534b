"""One connection of the load generator reads answers that come whole, in pieces, or with bytes after them."""

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
    """Stands in for the transport: records the written bytes and an abort."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_broken = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.is_broken = True


class Outcomes:
    """An answer handler that records the outcome of each request."""

    def __init__(self) -> None:
        self.all: list[tuple[int, bytes] | str] = []

    def answered(self, status: int, body: bytes) -> None:
        self.all.append((status, body))

    def unanswered(self, kind: str, detail: str) -> None:
        self.all.append(kind)


class Case:
    """A connection that has sent one request."""

    def __init__(self) -> None:
        self.endpoint = Endpoint("http://127.0.0.1:1")
        self.connection = Connection(self.endpoint)
        self.wire = Wire()
        self.outcomes = Outcomes()
        self.connection.connection_made(cast("asyncio.Transport", self.wire))
        self.connection.exchange(self.outcomes, b"request")


@pytest.fixture
def case() -> Case:
    return Case()


def case_after(*answers: bytes) -> Case:
    """Return a case whose endpoint has received these answers before."""
    case = Case()
    for answer in answers:
        case.connection.data_received(answer)
        case.connection.exchange(case.outcomes, b"request")
    case.outcomes.all.clear()
    return case


def plain(body: bytes, head: bytes = PLAIN) -> bytes:
    """Return an answer with another answer's head and this body."""
    return head[: head.index(b"length: ") + 8] + b"%d\r\n\r\n%b" % (len(body), body)


def test_a_plain_answer_is_read_and_the_connection_stays(case: Case) -> None:
    case.connection.data_received(PLAIN)
    assert case.outcomes.all == [(200, BODY)]
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
        assert case.outcomes.all == []
        assert list(case.endpoint.pending) == [case.connection]
        case.connection.data_received(whole[at:])
        assert case.outcomes.all == [expected]
        assert case.connection.usable == (whole is not CLOSING)


@pytest.mark.parametrize(
    "whole", [PLAIN, CHUNKED, CLOSING, REFUSAL, INTERIM + PLAIN], ids=lambda b: str(b[9:30])
)
def test_with_known_heads_it_does_not_matter_where_an_answer_is_cut(whole: bytes) -> None:
    expected = (503, b"{}") if whole is REFUSAL else (200, BODY)
    for at in range(1, len(whole)):
        case = case_after(PLAIN)
        case.connection.data_received(whole[:at])
        assert case.outcomes.all == []
        case.connection.data_received(whole[at:])
        assert case.outcomes.all == [expected]
        assert case.connection.usable == (whole is not CLOSING)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 99, 100, 101, 999, 1000, 2033, 2041, 2047, 2048, 5000])
def test_an_answer_of_any_size_with_a_known_head_is_read_whole(size: int) -> None:
    body = b"x" * size
    case = case_after(PLAIN)
    assert case.endpoint.heads
    case.connection.data_received(plain(body))
    assert case.outcomes.all == [(200, body)]
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
def test_an_answer_whose_head_differs_in_more_than_the_length_goes_to_the_parser(answer: bytes) -> None:
    plain_case, known_case = Case(), case_after(PLAIN)
    for case in (plain_case, known_case):
        case.connection.data_received(answer)
    assert known_case.outcomes.all == plain_case.outcomes.all
    assert known_case.connection.usable == plain_case.connection.usable
    assert known_case.connection.awaits_answer == plain_case.connection.awaits_answer


def test_two_heads_are_known_at_a_time() -> None:
    first, second, third = (LATER.replace(b"now", b"%d" % second) for second in range(3))
    case = case_after(first, second, first, third, second)
    assert case.endpoint.heads == tuple(answer[: answer.index(b"length: ") + 8] for answer in (third, second))


@pytest.mark.parametrize(
    "answer", [CHUNKED, CLOSING, REFUSAL, INTERIM + PLAIN, LATER.replace(b"now", b"x" * 1024)]
)
def test_the_head_of_an_unusual_answer_is_not_kept(case: Case, answer: bytes) -> None:
    case.connection.data_received(answer)
    assert len(case.outcomes.all) == 1
    assert not case.endpoint.heads


def test_the_head_of_an_answer_in_pieces_is_not_kept(case: Case) -> None:
    case.connection.data_received(PLAIN[:20])
    case.connection.data_received(PLAIN[20:])
    assert case.outcomes.all == [(200, BODY)]
    assert not case.endpoint.heads


def test_answers_that_come_byte_by_byte_are_read(case: Case) -> None:
    for _ in range(2):
        for at in range(len(PLAIN)):
            case.connection.data_received(PLAIN[at : at + 1])
        case.connection.exchange(case.outcomes, b"request")
    case.connection.data_received(PLAIN)
    assert case.outcomes.all == [(200, BODY)] * 3


@pytest.mark.parametrize("more", [PLAIN, PLAIN[:5], b"\x00"])
def test_bytes_after_the_answer_break_the_connection(case: Case, more: bytes) -> None:
    case.connection.data_received(PLAIN + more)
    assert case.outcomes.all in ([(200, BODY)], ["bad_http"])
    assert not case.connection.usable
    assert case.wire.is_broken


def test_an_answer_without_a_request_breaks_the_connection(case: Case) -> None:
    case.connection.data_received(PLAIN)
    case.connection.data_received(PLAIN)
    assert case.outcomes.all == [(200, BODY)]
    assert not case.connection.usable


@pytest.mark.parametrize("piece", [b"", PLAIN[:10], PLAIN[:60], PLAIN[:-1], CHUNKED[:-2]])
def test_a_connection_closed_within_an_answer_fails_the_request(case: Case, piece: bytes) -> None:
    if piece:
        case.connection.data_received(piece)
    case.connection.connection_lost(None)
    assert case.outcomes.all == ["closed"]
    assert not case.connection.usable
    assert not case.endpoint.pending


def test_a_length_that_is_no_number_fails_the_request(case: Case) -> None:
    case.connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}")
    assert case.outcomes.all == ["bad_http"]


def test_the_handler_of_an_abandoned_request_is_not_called(case: Case) -> None:
    case.connection.abandon()
    case.connection.connection_lost(None)
    assert case.outcomes.all == []
    assert case.endpoint.connected == 0
