"""The load generator of the bench: whole answers, good answers, and as many requests as answers."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator

import pytest

from bench.load import MODERN, Connection, Load, is_whole, tool_call

BODY = b'{"isError":false}'
ANSWER = b"HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 17\r\n\r\n" + BODY


class Replies:
    """A server that answers each request of one connection with the given pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.requests = 0
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # closed before this thread ran
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client:
            while client.recv(65536):
                self.requests += 1
                for piece in self._pieces:
                    client.sendall(piece)

    def close(self) -> None:
        self._listener.close()
        self._thread.join()


@pytest.fixture(name="pieces")
def some_pieces(request: pytest.FixtureRequest) -> Iterator[Replies]:
    replies = Replies(request.param)
    yield replies
    replies.close()


@pytest.mark.parametrize("pieces", [[ANSWER], [ANSWER[:20], ANSWER[20:-3], ANSWER[-3:]]], indirect=True)
def test_every_request_is_answered_whole(pieces: Replies) -> None:
    result = Load(iter([b"ask"] * 5), pieces.port, 1).run(0.0, math.inf)
    assert (result.answers, result.good, result.example) == (5, 5, "")
    assert pieces.requests == 5


@pytest.mark.parametrize(
    "pieces",
    [
        [ANSWER.replace(b"false", b"true ")],
        [ANSWER.replace(b"200 OK", b"503 No")],
        [ANSWER.replace(b'"isError":false', b'"noError":false')],
    ],
    indirect=True,
)
def test_an_answer_without_iserror_false_is_not_good(pieces: Replies) -> None:
    result = Load(iter([b"ask"] * 2), pieces.port, 1).run(0.0, math.inf)
    assert (result.answers, result.good) == (2, 0)
    assert result.example.startswith("HTTP/1.1")


@pytest.mark.parametrize("pieces", [[ANSWER]], indirect=True)
def test_the_position_of_the_length_may_change(pieces: Replies) -> None:
    connection = Connection(pieces.port)
    moved = ANSWER.replace(b"date: x", b"x-longer: y\r\nDate: x").replace(
        b"content-length", b"Content-Length"
    )
    for answer in (ANSWER, moved, ANSWER):
        assert is_whole(connection, answer)
        assert not is_whole(connection, answer[:-1])
        assert not is_whole(connection, answer[:30])
    connection.socket.close()


@pytest.mark.parametrize("pieces", [[ANSWER]], indirect=True)
def test_the_end_of_a_connection_raises(pieces: Replies) -> None:
    connection = Connection(pieces.port)
    with pytest.raises(ConnectionError):
        is_whole(connection, b"")
    connection.socket.close()


def test_a_call_of_the_new_era_carries_its_headers_and_length() -> None:
    head, _, body = tool_call("handle_input", "b1", '"input":"1"', MODERN).partition(b"\r\n\r\n")
    assert b"Mcp-Param-Bot-Id: b1" in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"arguments":{"botId":"b1","input":"1"}' in body
