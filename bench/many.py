"""The one place that knows how `step_many` is measured, and whether this version has it."""

from __future__ import annotations

import importlib
import importlib.util
import json
from http.client import HTTPConnection
from typing import Final

import msgspec
from msgspec import Struct

from bench.load import LEGACY

BEGUN_SECONDS: Final = 0.0
"""Asked for so long, its bots only begin their runs."""

ROWS: Final = 500


class NotThere(Exception):
    """This version has no such tool, or nothing to measure it with."""


class Told(Struct):
    """What `bench.step_many.measure` tells that is of use here; `errors`: calls that were not all turns."""

    turns_per_second: float
    calls: int
    errors: int
    p99_ms: float
    example: str = ""
    rows: int = ROWS


def step_many(port: int, seconds: float) -> Told:
    """Load a running server of ours with calls of 500 steps.

    Raises:
        NotThere: The server does not list the tool.
    """
    if "step_many" not in _tools(port) or importlib.util.find_spec("bench.step_many") is None:
        raise NotThere("not in this version")
    measure = importlib.import_module("bench.step_many").measure
    return msgspec.convert(measure(port, seconds), Told)


def _tools(port: int) -> set[str]:
    """The tools listed for fleets; none where there is no such toolset."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    heads = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": LEGACY,
    }
    try:
        connection.request(
            "POST", "/mcp?toolset=fleet", '{"jsonrpc":"2.0","id":1,"method":"tools/list"}', heads
        )
        answer = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return {tool["name"] for tool in answer.get("result", {}).get("tools", [])}
