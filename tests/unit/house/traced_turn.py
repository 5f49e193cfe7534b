"""Serve, play one run over one connection, and print the functions of the package that were called.

`python -m tests.unit.house.traced_turn FOLDER` keeps its database in FOLDER. It prints two JSON lists of
`[module, qualified name]` in the order of their first calls: those of the whole run and of its last turn.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from dungeonfighter import cli

INPUTS: Final = 70
"""More than 64, so that one turn writes a chunk of inputs."""
META: Final = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}


class Recorder:
    """Notes each function of the package once, in the order of first calls, since the last `restart`."""

    def __init__(self) -> None:
        self.called: dict[CodeType, str] = {}

    def restart(self) -> None:
        self.called = {}

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code not in self.called:
            module = frame.f_globals.get("__name__")
            if module is not None and module.startswith("dungeonfighter."):
                self.called[frame.f_code] = module

    def names(self) -> list[tuple[str, str]]:
        called = self.called.items()
        return [(module.removeprefix("dungeonfighter."), code.co_qualname) for code, module in called]


def call(connection: http.client.HTTPConnection, tool: str, arguments: dict[str, object]) -> str:
    """Call one tool as a client of 2026-07-28 and return its text."""
    params = {"name": tool, "arguments": {"botId": "ada", **arguments}, "_meta": META}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    headers = {
        "content-type": "application/json", "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": tool,
        "mcp-param-bot-id": "ada",
    }  # fmt: skip
    connection.request("POST", "/mcp", body.replace('": ', '":').replace(', "', ',"'), headers)
    text: str = json.loads(connection.getresponse().read())["result"]["content"][0]["text"]
    return text


def play(port: int, whole: Recorder, last: Recorder) -> None:
    """Play a run over one connection, print what was called, and stop the server."""
    sys.setprofile(None)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while True:
        try:
            connection.connect()
        except OSError:
            time.sleep(0.05)
        else:
            break
    whole.restart()
    call(connection, "start_new_game", {"seed": 3, "weapon": "mace", "mode": "casual"})
    for turn in range(INPUTS):
        last.restart()
        call(connection, "handle_input", {"input": "1", "turn": turn})
    sys.stdout.write(f"{json.dumps([whole.names(), last.names()])}\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGTERM)


def main(folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    whole, last = Recorder(), Recorder()

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        whole.profile(frame, event, argument)
        last.profile(frame, event, argument)

    threading.setprofile(profile)
    threading.Thread(target=play, args=(port, whole, last), daemon=True).start()
    sys.setprofile(profile)
    database = f"sqlite:///{folder / 'games.db'}"
    sys.exit(cli.main(["serve", "--port", str(port), "--db", database]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
