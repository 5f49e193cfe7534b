"""The measurement of `step_many`, if this version has the tool."""

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
"""A load of this length only begins the bots' runs."""

ROWS: Final = 500


class Unavailable(Exception):
    """This version has no such tool, or no module that measures it."""


class StepManyResult(Struct):
    """The used part of the result of `bench.step_many.measure`; `errors` counts calls with a failed step."""

    turns_per_second: float
    calls: int
    errors: int
    p99_ms: float
    example: str = ""
    rows: int = ROWS


def step_many(port: int, seconds: float) -> StepManyResult:
    """Load a running server of ours with calls of 500 steps.

    Raises:
        Unavailable: The server does not list the tool.
    """
    if "step_many" not in _tools(port) or importlib.util.find_spec("bench.step_many") is None:
        raise Unavailable("not in this version")
    measure = importlib.import_module("bench.step_many").measure
    return msgspec.convert(measure(port, seconds), StepManyResult)


def _tools(port: int) -> set[str]:
    """Return the names of the tools in the toolset `fleet`."""
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
