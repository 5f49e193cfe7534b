"""A server that is ill or hostile costs the doctor a bounded time and memory, and becomes a finding."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from dungeonfighter.doctor import fetching
from dungeonfighter.doctor.fetching import Fetcher, Unusable, server_url
from dungeonfighter.doctor.findings import Finding, Findings
from dungeonfighter.doctor.servers import ServerAnswers, ask_server
from dungeonfighter.errors import BadArgument

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def whole(status: int, body: bytes, *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[str]:
    """Serve each request with `answer`; yield the address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await answer(head, writer)
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)


async def ask(answer: Answer, token: str = "") -> tuple[ServerAnswers, list[Finding]]:
    findings = Findings()
    async with server(answer) as url:
        answers = await ask_server(url, token, findings)
    return answers, findings.problems()


def to_each(data: bytes) -> Answer:
    return lambda _, writer: _write(writer, data)


async def test_an_endless_body_is_cut() -> None:
    sent = 0

    async def pour(_: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async with server(pour) as url, Fetcher(url) as fetcher:
        with pytest.raises(Unusable, match="more than 4194304 bytes"):
            await fetcher.fetch("/metrics")
    assert sent < 16 * fetching.BODY_BYTES_MAX


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
async def test_a_slow_drip_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    monkeypatch.setattr(fetching, "ANSWER_SECONDS_MAX", 0.2)

    async def drip(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(b"x" if begin else b"HTTP/1.1 200 OK\r\nx: "[:1])
            await writer.drain()
            await asyncio.sleep(0.01)

    async with server(drip) as url, Fetcher(url) as fetcher:
        with pytest.raises(Unusable):
            await fetcher.fetch("/livez")


async def test_a_redirect_is_named_and_the_token_does_not_follow_it() -> None:
    seen: list[bytes] = []

    async def lead_away(head: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(head)
        writer.write(whole(302, b"", "location: http://elsewhere.example.org/x"))

    answers, problems = await ask(lead_away, "planted-token")
    assert "redirects to http://elsewhere.example.org/x" in problems[0].text
    assert answers.report is None
    assert len(seen) == 1
    assert not any(b"planted-token" in head for head in seen)


async def test_the_token_goes_to_the_report_only() -> None:
    seen: list[str] = []

    async def note(head: bytes, writer: asyncio.StreamWriter) -> None:
        if b"planted-token" in head:
            seen.append(head.split()[1].decode())
        writer.write(whole(200, b"{}"))

    await ask(note, "planted-token")
    assert seen == ["/api/doctor"]


async def test_a_compressed_body_is_not_unpacked() -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    async with server(to_each(whole(200, bomb, "content-encoding: gzip"))) as url, Fetcher(url) as fetcher:
        with pytest.raises(Unusable, match="compresses"):
            await fetcher.fetch("/livez")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[" * 1_000_000,
        b'{"a":' * 500_000,
        b"\xff\xfe",
        b"null",
        b'{"status": 5}',
        b'{"instance": "x"}',
        json.dumps({"instance": "x" * 100_000, "processes": [1, 2]}).encode(),
    ],
)
async def test_what_is_no_report_is_a_finding(body: bytes) -> None:
    answers, problems = await ask(to_each(whole(200, body)))
    texts = [one.text for one in problems]
    assert answers.report is None
    assert any("/api/doctor answers no report" in text for text in texts)
    assert any("/metrics answers 200 and no metrics" in text for text in texts)
    assert all(one.remedy for one in problems)


async def test_metrics_at_another_address_are_no_problem() -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(404 if b"/metrics" in head else 200, b'{"status":"ready"}'))

    _, problems = await ask(answer)
    assert not [one for one in problems if "/metrics" in one.text]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, b"", "wants a valid access token"),
        (403, b'{"error": {"code": "not_allowed", "message": "the caller may not admin"}}', "may not admin"),
        (403, b"no", "may not see the report"),
        (404, b"", "no report at this address"),
        (421, b"", "does not serve this host"),
        (429, b"", "no time now"),
        (500, b"", "answers 500"),
    ],
)
async def test_each_refusal_has_a_way_out(status: int, body: bytes, words: str) -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(status, body) if b"/api/" in head else whole(200, b'{"status":"ready"}'))

    _, problems = await ask(answer)
    (refusal,) = [one for one in problems if "/api/doctor" in one.text]
    assert words in refusal.text
    assert refusal.remedy


async def test_a_server_that_drains_or_has_lost_its_store_is_a_problem() -> None:
    async def answer(head: bytes, writer: asyncio.StreamWriter) -> None:
        body = b'{"status":"not ready","store":"unreachable"}'
        writer.write(whole(503, body) if b"/readyz" in head else whole(200, b"{}"))

    _, problems = await ask(answer)
    texts = [one.text for one in problems]
    assert "the server is not ready: it starts, or it drains" in texts
    assert "the server does not reach its store" in texts


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH_9\r\n", b"\x00" * 100, b"HTTP/1.1 200 OK\r\n" + b"a" * 500_000]
)
async def test_what_is_no_http_is_one_finding(garbage: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ANSWER_SECONDS_MAX", 2.0)

    async def babble(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(garbage)
        writer.close()

    answers, problems = await ask(babble)
    assert not answers.is_reached
    assert len(problems) == 1
    assert "cannot be asked" in problems[0].text


async def test_a_refused_connection_says_so() -> None:
    findings = Findings()
    await ask_server("http://127.0.0.1:1", "", findings)
    assert findings.problems()[0].text == "the server cannot be asked: connection refused"


async def test_https_at_a_server_without_it_leads_to_http() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(whole(400, b"no HTTP"))
        writer.close()

    findings = Findings()
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listening:
        place = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        await ask_server(f"https://{place}", "", findings)
    (problem,) = findings.problems()
    assert "the server does not speak TLS" in problem.text
    assert "_ssl.c" not in problem.text
    assert problem.remedy.startswith(f"write http://{place}")


async def test_an_unknown_host_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    findings = Findings()
    await ask_server("http://no-such-host.invalid:8000", "", findings)
    (problem,) = findings.problems()
    assert "no-such-host.invalid" in problem.text
    assert "host name" in problem.remedy


async def test_neither_a_proxy_nor_a_netrc_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with server(to_each(whole(200, b"ok"))) as url, Fetcher(url) as fetcher:
        assert (await fetcher.fetch("/livez")).body == b"ok"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://h:8000", "http://h:8000"),
        (" https://h/ ", "https://h"),
        ("http://h:1/mcp", "http://h:1"),
        ("127.0.0.1:18111", "http://127.0.0.1:18111"),
        ("h:8000/mcp", "http://h:8000"),
        ("http://[::1]:8000/game/mcp/", "http://[::1]:8000/game"),
    ],
)
def test_an_address_of_mcp_is_that_of_its_server(given: str, url: str) -> None:
    assert server_url(given) == url


@pytest.mark.parametrize(
    "text",
    [
        "", "u:planted@h:8000", "ftp://h", "http://", "http://h:99999", "http://h:0", "http://[::1",
        "http://a b/", "http://u:planted@h/", "http://h/?token=planted", "http://h/#planted",
        "http://h\u00e9/", "http://h/\x1b",
    ],
)  # fmt: skip
def test_a_wrong_address_is_refused_without_its_secrets(text: str) -> None:
    with pytest.raises(BadArgument) as caught:
        server_url(text)
    assert str(caught.value).startswith("URL: ")
    assert "planted" not in str(caught.value)
