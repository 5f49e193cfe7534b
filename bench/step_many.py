"""The rate of durable turns of `step_many`: `python -m bench.step_many`.

The server has one core, the load another. Each connection has 500 casual bots of its own; each of its calls
has one step of each bot, input `1`. The answer leaves when all 500 turns are committed (SQLite). A call
counts only if all its steps were turns.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.load import LEGACY, MODERN
from testkit.ports import free_port

_ROWS: Final = 500
_CONNECTIONS: Final = 4
_WEAPONS: Final = ("mace", "sword", "dagger", "wand")
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
}
_START_SECONDS_MAX: Final = 60.0


def measure(port: int, seconds: float, *, era: str = MODERN, view: str = "text") -> dict[str, Any]:
    """Load a running server from another core, in a process of its own.

    Args:
        port: The port of a server on 127.0.0.1.
        seconds: The length of the load; 0 begins a run of every bot instead.
        era: The protocol revision.
        view: The view of each step.

    Returns:
        `turns_per_second`, `calls`, `errors` (calls with a step that was no turn; `example` is one of them),
        and the `p50_ms` and `p99_ms` of a call.
    """
    command = [sys.executable, "-m", "bench.step_many", "--port", str(port), "--seconds", str(seconds)]
    command += ["--era", era, "--view", view]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=_on_core(1))
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def main() -> int:
    """Load the server at `--port`, or start a server and load that."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--era", choices=(MODERN, LEGACY), default=MODERN)
    parser.add_argument("--view", choices=("text", "json", "none"), default="text")
    arguments = parser.parse_args()
    if arguments.port:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_load(arguments.port, arguments.seconds, arguments.era, arguments.view))
    else:
        result = _measure_own(arguments.seconds, arguments.era, arguments.view)
    print(json.dumps(result))
    return 1 if result["errors"] else 0


def _measure_own(seconds: float, era: str, view: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        command = [sys.executable, "-m", "dungeonfighter", "serve", "--port", str(port)]
        server = subprocess.Popen(
            [*command, "--db", f"sqlite:///{folder}/games.db"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=_on_core(0),  # noqa: PLW1509 (no threads here)
        )  # fmt: skip
        try:
            asyncio.run(_listening(port))
            measure(port, 0)
            before = _cpu_seconds(server.pid)
            result = measure(port, seconds, era=era, view=view)
            spent = _cpu_seconds(server.pid) - before
            result["server_cpu_us_per_turn"] = spent * 1e6 / max(1, result["turns"])
        finally:
            server.kill()
            server.wait()
        return result


async def _load(port: int, seconds: float, era: str, view: str) -> dict[str, Any]:
    names = [[f"step-{each}-{number:03}" for number in range(_ROWS)] for each in range(_CONNECTIONS)]
    took: list[float] = []
    failures: list[str] = []

    async def connection(bots: list[str]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def call(request: bytes) -> None:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split()[0])
            body = await reader.readexactly(length)
            took.append(time.perf_counter() - begun)
            if f"{_ROWS} steps: {_ROWS} ok".encode() not in body:
                failures.append(body[:400].decode())

        if not seconds:
            options = [
                {"botId": bot, "start": {"seed": number, "weapon": _WEAPONS[number % 4]}, "episode": 1}
                for number, bot in enumerate(bots)
            ]
            await call(_request({"steps": options, "view": "none"}, era))
        else:
            steps = [{"botId": bot, "input": "1"} for bot in bots]
            request = _request({"steps": steps, "view": view}, era)
            end = time.perf_counter() + seconds
            while time.perf_counter() < end:
                await call(request)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(connection(bots) for bots in names))
    passed = time.perf_counter() - begun
    took.sort()
    turns = (len(took) - len(failures)) * _ROWS
    return {
        "turns_per_second": turns / passed, "turns": turns, "calls": len(took), "errors": len(failures),
        "example": failures[0] if failures else "", "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[len(took) * 99 // 100],
    }  # fmt: skip


def _request(arguments: dict[str, Any], era: str) -> bytes:
    params: dict[str, Any] = {"name": "step_many", "arguments": arguments}
    head = (
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\nMCP-Protocol-Version: {era}\r\n"
    )
    if era == MODERN:
        params["_meta"] = _META
        head += "Mcp-Method: tools/call\r\nMcp-Name: step_many\r\n"
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    body = json.dumps(message, separators=(",", ":"))
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def _listening(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process with its threads; 0 without /proc."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _on_core(number: int) -> Callable[[], None]:
    """Return a function that pins the process to one of its cores, if it has two or more."""

    def pin() -> None:
        if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
            os.sched_setaffinity(0, {cores[number]})

    return pin


if __name__ == "__main__":
    sys.exit(main())
