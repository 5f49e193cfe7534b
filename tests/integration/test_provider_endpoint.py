"""Documents of an identity provider: anything but a whole answer in time is a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dungeonfighter.access import provider_endpoint
from dungeonfighter.access.provider_endpoint import BODY_BYTES_MAX, ProviderEndpoint
from dungeonfighter.access.signing_keys import ProviderUnavailable
from testkit.certificates import Authority
from testkit.ports import free_port

BODY = b'{"keys":[]}'


class Handler(BaseHTTPRequestHandler):
    """Answers each path in its own way."""

    released = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("location", "/keys")
            self.end_headers()
            return
        if self.path == "/slow":
            self.released.wait(30)
        self.send_response(404 if self.path == "/absent" else 200)
        body = b" " * (BODY_BYTES_MAX + 1) if self.path == "/long" else BODY
        self.send_header("content-length", str(len(body) + (self.path == "/short")))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Handler.released.set()
    server.shutdown()
    server.server_close()


async def fetch(url: str) -> bytes:
    endpoint = ProviderEndpoint()
    try:
        return await endpoint.read(url)
    finally:
        await endpoint.close()


async def test_a_whole_answer_is_returned(origin: str) -> None:
    assert await fetch(f"{origin}/keys") == BODY


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/redirect", "status 302"),
        ("/absent", "status 404"),
        ("/long", "more than 262144 bytes"),
        ("/short", "incomplete|peer closed"),
        ("/slow", "did not answer within"),
    ],
)
async def test_any_other_answer_is_a_failure(
    origin: str, path: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path == "/slow":
        monkeypatch.setattr(provider_endpoint, "FETCH_SECONDS_MAX", 0.2)
    with pytest.raises(ProviderUnavailable, match=reason):
        await fetch(origin + path)


async def test_a_provider_that_is_away_is_a_failure() -> None:
    with pytest.raises(ProviderUnavailable):
        await fetch(f"http://127.0.0.1:{free_port()}/keys")


async def test_a_server_that_does_not_speak_tls_is_a_failure(origin: str) -> None:
    with pytest.raises(ProviderUnavailable):
        await fetch(origin.replace("http:", "https:") + "/keys")


@pytest.mark.parametrize(
    ("trusted", "host", "days", "is_read"),
    [("ours", "127.0.0.1", 30, True), ("other", "127.0.0.1", 30, False),
     ("ours", "10.9.8.7", 30, False), ("ours", "127.0.0.1", -1, False)],
    ids=["good", "of an authority that is not trusted", "for another host", "expired"],
)  # fmt: skip
async def test_certificates_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: str, host: str, days: int, *, is_read: bool
) -> None:
    authorities = {name: Authority(tmp_path, name) for name in ("ours", "other")}
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities[trusted].file))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = authorities["ours"].server_context(host, days=days)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_address[1]}/keys"
    try:
        if is_read:
            assert await fetch(url) == BODY
        else:
            with pytest.raises(ProviderUnavailable, match="certificate"):
                await fetch(url)
    finally:
        server.shutdown()
        server.server_close()
