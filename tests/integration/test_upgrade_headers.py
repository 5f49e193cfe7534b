"""The server ignores `Upgrade` headers and serves the request itself.

Source: RFC 9110, section 7.8.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from dungeonfighter.serving.upgrades import without_upgrade
from testkit.server_process import ServerProcess
from tests.integration.test_http_bounds import Client
from tests.integration.test_short_way import RecordingShortWay, connect, serving

UPGRADES: Final = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n",
    "websocket": b"Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n",
    "two": b"Connection: keep-alive\r\nConnection: UPGRADE\r\nUpgrade: foo/2, websocket\r\nUpgrade: bar\r\n",
}
LENGTH: Final = b"Content-Length: 4\r\n\r\n"
BODIES: Final = {
    "whole": (LENGTH + b"call",),
    "split": (LENGTH, b"ca", b"ll"),
    "chunked": (b"Transfer-Encoding: chunked\r\n\r\n2\r\nca\r\n", b"2\r\nll\r\n0\r\n\r\n"),
    "bytes": tuple(bytes([byte]) for byte in LENGTH + b"call"),
}
INITIALIZE: Final = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"},
        },
    }
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("upgrades"), database="memory://") as running:
        yield running


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(("path", "answer"), [(b"/mcp", b"short"), (b"/else", b"4")])
async def test_an_upgrade_header_is_ignored(
    upgrade: bytes, body: Sequence[bytes], path: bytes, answer: bytes
) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\n%b" % (path, upgrade)
    short_way = RecordingShortWay()
    async with serving(short_way) as (_, port), connect(port) as client:
        for _ in range(2):  # the server keeps the connection
            await client.send(head + body[0], *body[1:])
            assert await client.answer() == answer
    assert len(short_way.accepted) == (2 if answer == b"short" else 0)


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
async def test_the_bytes_behind_an_upgrade_header_are_the_next_request(upgrade: bytes) -> None:
    get = b"GET / HTTP/1.1\r\nHost: localhost\r\n%b\r\n" % upgrade
    async with serving(RecordingShortWay()) as (_, port), connect(port) as client:
        await client.send(get * 3)
        assert [await client.answer() for _ in range(3)] == [b"0"] * 3


async def test_connection_close_beside_an_upgrade_is_respected() -> None:
    async with serving(RecordingShortWay()) as (_, port), connect(port) as client:
        upgrade = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
        await client.send(b"POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + upgrade + LENGTH + b"call")
        assert b"\r\nconnection: close\r\n" in await client.rest()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_connect_is_refused(version: bytes) -> None:
    async with serving(RecordingShortWay()) as (_, port), connect(port) as client:
        await client.send(b"CONNECT example.org:443 HTTP/%b\r\nHost: example.org\r\n\r\nhello" % version)
        answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
    assert b"\r\nallow: GET, HEAD, POST\r\n" in answer
    assert b"\r\nconnection: close\r\n" in answer


async def test_http_2_with_prior_knowledge_is_refused() -> None:
    async with serving(RecordingShortWay()) as (_, port), connect(port) as client:
        await client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")


def test_without_upgrade_removes_only_the_upgrade() -> None:
    fields = [
        (b"host", b"a"), (b"connection", b"Keep-Alive , upgrade,,x"), (b"upgrade", b"h2c"),
        (b"x-upgrade", b"y"), (b"connection", b"Upgrade"), (b"te", b"trailers"),
    ]  # fmt: skip
    assert without_upgrade(b"PUT", b"/a?b", "1.0", fields) == (
        b"PUT /a?b HTTP/1.0\r\nhost: a\r\nconnection: Keep-Alive, x\r\nx-upgrade: y\r\nte: trailers\r\n\r\n"
    )


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
async def test_a_server_process_ignores_the_upgrade_header(server: ServerProcess, upgrade: bytes) -> None:
    body = INITIALIZE.encode()
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + upgrade
    head += b"Accept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    await Client(reader, writer).send(head, body[:9], body[9:])
    assert (await reader.readuntil(b"\r\n")) == b"HTTP/1.1 200 OK\r\n"
    writer.close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_curl_with_http_2_is_served_with_http_1(server: ServerProcess, tmp_path: Path) -> None:
    curl = await asyncio.create_subprocess_exec(
        "curl", "-s", "--http2", "-w", " %{http_code} %{http_version}", f"{server.url}/mcp",
        "-H", "Content-Type: application/json", "-H", "Accept: application/json, text/event-stream",
        "-d", INITIALIZE, stdout=asyncio.subprocess.PIPE, cwd=tmp_path,
    )  # fmt: skip
    output, _ = await curl.communicate()
    if curl.returncode == 2:
        pytest.skip("this curl knows no HTTP/2")
    assert output.endswith(b" 200 1.1")
    assert b'"serverInfo"' in output
