"""The version of HAProxy in `compose.yaml` with the files of `deploy/haproxy`."""

from __future__ import annotations

import http.client
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from testkit.dns_names import NAME, Names
from testkit.ports import quiet_port
from tests.balancers import DEPLOY
from tests.integration.containers import STAND_INS, Engine
from tests.integration.served import until

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
ADDRESSES = tuple(f"127.0.0.{last}" for last in (61, 62, 63))
BOTS = 120
FOLDER = "/usr/local/etc/haproxy"
FILES = [word for name in ("haproxy.cfg", "servers-by-name.cfg") for word in ("-f", f"{FOLDER}/{name}")]


class Address(BaseHTTPRequestHandler):
    """Answers each request with the address that it came to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = str(self.connection.getsockname()[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@pytest.fixture
def names(tmp_path: Path) -> Iterator[Names]:
    """A name server for a name without addresses."""
    with Names(tmp_path).serving(()) as names:
        yield names


class Front:
    """HAProxy in a container in the network of this machine, with servers that answer their address."""

    def __init__(self, engine: Engine, names: Names, backs: int) -> None:
        self._engine = engine
        self._name = f"haproxy{random.randrange(10**6)}"
        self._port = quiet_port()
        values = {
            "SERVERS": f"{NAME}:{backs}", "DNS": names.address, "HTTP_BIND": f"127.0.0.1:{self._port}",
            "STATUS_BIND": f"127.0.0.1:{quiet_port()}", "ADMIN_SOCKET": "/tmp/admin.sock",
        }  # fmt: skip
        words = [word for name, value in values.items() for word in ("--env", f"{name}={value}")]
        words += ["--network", "host", "--volume", f"{DEPLOY / 'haproxy'}:{FOLDER}:ro", "--name", self._name]
        engine.run("run", "--detach", *words, STAND_INS["haproxy"], "haproxy", "-W", *FILES)

    def served_by(self, bot: int) -> str:
        """Return the address of the server of a bot, or another text if there is no server."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            try:
                connection.request("GET", f"/bots/bot-{bot:05}/mcp")
                return connection.getresponse().read().decode()
            except ConnectionError:
                return ""

    def uses(self, addresses: Sequence[str]) -> bool:
        """Return True if these servers get all bots."""
        return {self.served_by(bot) for bot in range(BOTS)} == set(addresses)

    def stop(self) -> str:
        """Stop at once; return the log."""
        log = self._engine.run("logs", self._name, is_checked=False)
        self._engine.run("rm", "--force", self._name)
        return log


@pytest.fixture
def backs() -> Iterator[int]:
    """The port of a server at each address."""
    port = quiet_port()
    with ExitStack() as stack:
        for address in ADDRESSES:
            server = stack.enter_context(ThreadingHTTPServer((address, port), Address))
            Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
        yield port


def test_bots_stay_at_their_addresses_in_whatever_order_haproxy_meets_them(
    services: Engine, names: Names, backs: int
) -> None:
    found = []
    for order in (ADDRESSES, ADDRESSES[::-1]):
        names.set(())
        front = Front(services, names, backs)
        try:
            for count in range(
                1, len(order) + 1
            ):  # one after the other, so that they get places in this order
                names.set(order[:count])
                until(partial(front.uses, order[:count]))
            found.append([front.served_by(bot) for bot in range(BOTS)])
        finally:
            log = front.stop()
        assert "[ALERT]" not in log, log
    assert found[0] == found[1]
