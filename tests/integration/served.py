"""Calls of tools at a server, as one client makes them."""

from __future__ import annotations

import http.client
import json
from typing import Any

from testkit.server_process import ServerProcess

WAIT_SECONDS = 60
PLAY = "handle_input"


class Served:
    """A server, and calls of tools as one client makes them."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server

    def call(self, tool: str, bot: str = "ada", **given: Any) -> tuple[str, bool]:
        """Text of the answer, and whether it is an error of any kind."""
        body = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": given},
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_SECONDS)
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
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=WAIT_SECONDS)
        connection.request("GET", "/readyz")
        told: dict[str, Any] = json.loads(connection.getresponse().read())
        connection.close()
        return told
