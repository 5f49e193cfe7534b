"""A client that calls the tools of a server over HTTP."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable
from typing import Any

from testkit.server_process import ServerProcess

WAIT_SECONDS = 60
PLAY = "handle_input"


def until(is_so: Callable[[], bool], what: str = "", *, seconds: float = WAIT_SECONDS) -> None:
    """Wait until something is so; fail with `what` if it takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Served:
    """Calls the tools of a server, each call over a connection of its own."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def call(self, tool: str, bot: str = "ada", **arguments: Any) -> tuple[str, bool]:
        """Return the text of the answer, and whether it is an error of any kind."""
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=WAIT_SECONDS)
        connection.request(
            "POST", f"/bots/{bot}/mcp", json.dumps(body),
            {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"},
        )  # fmt: skip
        answer = json.loads(connection.getresponse().read())
        connection.close()
        if "error" in answer:
            return json.dumps(answer["error"]), True
        return answer["result"]["content"][0]["text"], answer["result"]["isError"]

    def ready(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=WAIT_SECONDS)
        connection.request("GET", "/readyz")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return answer
