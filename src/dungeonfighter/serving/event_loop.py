"""The event loop that servers and load generators run on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def run_on_fastest_loop(main: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine like `asyncio.run`, on uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(_report)
        return runner.run(main)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report an error that nobody awaits, except that of a lookup whose connection was given up.

    uvloop leaves the lookup of a name behind when its connection is cancelled, and reports it when it fails.
    Whoever gave the connection up has said so.
    """
    if "future" not in context or not isinstance(context.get("exception"), socket.gaierror):
        loop.default_exception_handler(context)
