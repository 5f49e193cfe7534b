"""Each balancer with the files of `deploy`, as a client meets it: TLS, compression, refusals, repeats."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dungeonfighter.limits import compressible_bytes_min
from testkit.certificates import Authority
from testkit.dns_names import NAME, Names
from testkit.haproxy import Haproxy
from testkit.server_process import ServerProcess
from tests.balancers import Rendered, envoy, nginx, write_certificate, write_certificate_and_key
from tests.integration.served import until
from tests.integration.test_tokens import make_token

pytestmark = pytest.mark.long

CALLER = "127.0.0.2"
GZIP = {"Accept-Encoding": "gzip"}
BALANCERS = ("haproxy", "envoy", "nginx")


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The JSON-RPC error of a refusal."""
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


class Front:
    """Sends requests through a balancer over TLS, each over a connection of its own."""

    def __init__(self, name: str, program: Haproxy | Rendered, authority: Authority, token: str) -> None:
        self.name = name
        self.program = program
        self._token = token
        self.context = ssl.create_default_context(cafile=str(authority.file))

    def connection(self, source: str = CALLER) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost", self.program.tls_port, timeout=30, source_address=(source, 0), context=self.context
        )

    def ask(
        self, method: str, path: str, body: bytes | None = None, source: str = CALLER, **headers: str
    ) -> Answer:
        """Send a request in one piece: some balancers can repeat only what came whole."""
        named = {"Host": NAME, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if body is not None:
            named["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items()), "", ""]
        connection = self.connection(source)
        with contextlib.closing(connection):
            connection.connect()
            connection.sock.sendall("\r\n".join(lines).encode() + (body or b""))
            answer = http.client.HTTPResponse(connection.sock, method=method)
            answer.begin()
            return Answer(answer.status, answer.headers, answer.read())

    def call(
        self, tool: str, bot: str = "ada", *, headers: dict[str, str] | None = None, **arguments: Any
    ) -> Answer:
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return self.ask(
            "POST", f"/bots/{bot}/mcp", json.dumps(message).encode(),
            Content_Type="application/json", Accept="application/json, text/event-stream",
            Authorization=f"Bearer {self._token}", **(headers or {}),
        )  # fmt: skip


@contextlib.contextmanager
def balancing(name: str, folder: Path, authority: Authority, port: int) -> Iterator[Haproxy | Rendered]:
    """Run a balancer in front of the one server at 127.0.0.1."""
    certificates = folder / "certificates"
    with contextlib.ExitStack() as stack:
        addresses = {f"SERVER_{letter}": f"127.0.0.1:{port}" for letter in "ABC"}
        program: Haproxy | Rendered
        if name == "haproxy":
            write_certificate(authority, certificates)
            program = Haproxy(folder, "servers-by-address.cfg", CERTIFICATES=str(certificates), **addresses)
        else:
            write_certificate_and_key(authority, certificates)
            if name == "nginx":
                program = nginx(folder, CERTIFICATES=str(certificates), **addresses)
            else:
                names = stack.enter_context(Names(folder).serving(["127.0.0.1"]))
                program = envoy(
                    folder, CERTIFICATES=str(certificates), SERVERS_NAME=NAME, SERVERS_PORT=str(port),
                    DNS_ADDRESS="127.0.0.1", DNS_PORT=str(names.port),
                )  # fmt: skip
        stack.enter_context(program)
        yield program


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, str]]:
    folder = tmp_path_factory.mktemp("server")
    secret = make_token(folder / "games.db", "--fleet", "team")
    flags = ("--auth=tokens", f"--public-url=https://{NAME}", "--trusted-proxies=127.0.0.1/32")
    with ServerProcess(folder, flags=flags) as process:
        yield process, secret


@pytest.fixture(scope="module", params=BALANCERS)
def front(
    request: pytest.FixtureRequest,
    server: tuple[ServerProcess, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    authority = Authority(folder)
    with balancing(request.param, folder, authority, server[0].port) as program:
        made = Front(request.param, program, authority, server[1])
        until(lambda: made.ask("GET", "/").status == 200)
        yield made


def test_a_json_view_is_compressed_and_a_text_turn_is_not(front: Front) -> None:
    bot = f"large-{front.name}"
    front.call("start_new_game", bot, weapon="mace", seed=5)
    plain = front.call("get_game_state", bot, view="json")
    compressed = front.call("get_game_state", bot, view="json", headers=GZIP)
    assert len(plain.body) > compressible_bytes_min
    assert plain.headers["Content-Encoding"] is None
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == plain.body
    assert len(compressed.body) < len(plain.body)
    turn = front.call("handle_input", bot, input="1", headers=GZIP)
    assert (turn.status, turn.headers["Content-Encoding"]) == (200, None)


def test_events_of_the_page_arrive_one_by_one_and_plain(front: Front) -> None:
    connection = front.connection()
    with contextlib.closing(connection):
        headers = {"Host": NAME, "Authorization": f"Bearer {front._token}", **GZIP}
        connection.request("GET", "/api/events", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Content-Encoding"]) == (200, None)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        for _ in range(2):
            while answer.readline() != b"\n":
                pass


def test_a_file_of_the_page_comes_from_the_cache(front: Front) -> None:
    page = front.ask("GET", "/").body.decode()
    style = re.search(r"static/style\.[^\"]+", page)
    assert style is not None
    first, second = (front.ask("GET", f"/{style[0]}", Accept_Encoding="gzip") for _ in range(2))
    assert (first.status, second.status) == (200, 200)
    assert second.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(second.body) == gzip.decompress(first.body)
    if front.name == "haproxy":
        assert second.headers["Age"] is not None
        assert front.ask("GET", "/").headers["Age"] is None
        assert front.ask("GET", "/static/style.css").headers["Age"] is None


def test_plain_http_leads_to_https_and_browsers_keep_to_it(front: Front) -> None:
    connection = http.client.HTTPConnection("localhost", front.program.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", "/mcp?toolset=core", b"{}", {"Host": "localhost"})
        answer = connection.getresponse()
        assert answer.status == 308
        assert re.fullmatch(r"https://localhost(:\d+)?/mcp\?toolset=core", answer.headers["Location"])
    for path in ("/", "/nothing", "/metrics"):
        assert front.ask("GET", path).headers.get_all("Strict-Transport-Security") == ["max-age=31536000"]


@pytest.mark.parametrize(
    "path", ["/metrics", "/livez", "/readyz", "/%6detrics", "//metrics", "/x/../metrics"]
)
def test_what_is_for_operators_stays_inside(front: Front, path: str) -> None:
    assert front.ask("GET", path).status == 404


def test_a_body_that_is_too_large_is_refused_as_by_the_server(front: Front) -> None:
    """Only the head is sent: a balancer need not read the body."""
    answer = front.ask("POST", "/mcp", Content_Type="application/json", Content_Length="1048577")
    assert answer.status == 413
    assert answer.error["code"] == -32600
    assert re.search("too large|larger than 1048576", answer.error["message"])


def test_other_hosts_are_refused_and_the_public_one_is_not(front: Front) -> None:
    assert front.call("list_bots").status == 200
    refused = front.call("list_bots", headers={"Host": "evil.test"})
    assert (refused.status, refused.error["code"]) == (421, -32600)


def test_the_cookie_of_the_page_is_for_https_only(front: Front) -> None:
    body = json.dumps({"token": front._token}).encode()
    origin = {"Origin": f"https://{NAME}", "Content_Type": "application/json"}
    answer = front.ask("POST", "/api/session", body, **origin)
    assert answer.status == 200
    assert answer.headers["Set-Cookie"].endswith("; Secure")
    assert front.ask("POST", "/api/session", body, **origin | {"Origin": "https://evil.test"}).status == 403


def test_failed_log_ins_count_for_the_client_whatever_it_claims_to_be(front: Front) -> None:
    source = f"127.0.1.{BALANCERS.index(front.name) + 1}"

    def fails(source: str, number: int) -> int:
        return front.ask(
            "POST", "/api/session", b'{"token": "wrong"}', source, Origin=f"https://{NAME}",
            Content_Type="application/json", X_Forwarded_For=f"198.51.100.{number}",
        ).status  # fmt: skip

    assert [fails(source, number) for number in range(11)] == [401] * 10 + [429]
    assert fails(f"127.0.2.{BALANCERS.index(front.name) + 1}", 1) == 401


def test_unnumbered_calls_over_connections_of_their_own_are_all_applied(front: Front) -> None:
    """HAProxy resets connections to its servers that it needs no more, long before they are old."""
    bot = f"unnumbered-{front.name}"
    front.call("start_new_game", bot, weapon="mace", seed=5)
    views = [json.loads(front.call("handle_input", bot, input="1").body)["result"] for _ in range(20)]
    texts = [view["content"][0]["text"].partition(" |")[0] for view in views]
    assert texts == [f"e1 t{turn}" for turn in range(1, 21)]


class Hanging:
    """A server that is ready, takes calls and closes their connections without an answer."""

    def __init__(self) -> None:
        self.calls = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=self._listener.accept()[:1], daemon=True).start()

    def _answer(self, end: socket.socket) -> None:
        with end, contextlib.suppress(OSError):
            while head := end.recv(65_536):
                if head.startswith(b"GET /readyz"):
                    end.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                else:
                    self.calls += 1
                    return

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # ends the thread that accepts
        self._listener.close()


@pytest.mark.parametrize("name", BALANCERS)
def test_a_call_of_which_bytes_were_sent_is_sent_once(tmp_path: Path, name: str) -> None:
    hanging = Hanging()
    authority = Authority(tmp_path)
    with contextlib.closing(hanging), balancing(name, tmp_path, authority, hanging.port) as program:
        front = Front(name, program, authority, "none")
        until(lambda: front.call("get_game_state").status in {502, 503} and hanging.calls > 0)
        hanging.calls = 0
        answer = front.call("handle_input", input="1")
        assert hanging.calls == 1
        assert answer.status in {502, 503}
        assert (answer.error["code"], answer.error["data"]["code"]) == (-32000, "outcome_unknown")
        assert answer.headers["Retry-After"] == str(answer.error["data"]["retryAfterSeconds"])
        hanging.close()
        nobody = front.call("handle_input", input="1")
        assert (nobody.status, nobody.error["code"]) == (503, -32000)
        assert hanging.calls == 1
