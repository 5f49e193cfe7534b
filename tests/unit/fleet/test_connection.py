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
