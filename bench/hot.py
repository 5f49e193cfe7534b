"""The server's memory for one connected bot that plays, with real sockets, games and pages."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Final

try:
    import resource
except ImportError:  # Windows lacks the module
    resource = None  # type: ignore[assignment]

from bench import rows
from bench.load import GOOD, LEGACY, Connection, bot_name, tool_call
from bench.options import Options, Progress
from bench.servers import Failed, ours, running
from bench.table import Figure

_BOTS: Final = 4000
_QUICK_BOTS: Final = 1000
_TURNS: Final = 10
_AT_ONCE: Final = 64
_SECONDS: Final = 15.0


def seconds(options: Options) -> float:
    return _SECONDS if rows.HOT_BOT in options.figures else 0.0


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Return the growth of the server's PSS, with all connections open and every game hot, for each bot."""
    if rows.HOT_BOT not in options.figures:
        return {}
    bots = _QUICK_BOTS if options.repeats == 1 else _BOTS
    progress.step(f"memory of {bots} connected bots", _SECONDS)
    try:
        before, after = _before_and_after(bots)
    except Failed as error:
        return {rows.HOT_BOT: Figure(void=str(error))}
    if not before:
        return {rows.HOT_BOT: Figure(missing="there is no /proc here")}
    note = (
        f"{bots} bots, each with a connection of its own and {_TURNS} turns played: {after / 1e6:.1f} MB, "
        f"the empty server {before / 1e6:.1f} MB"
    )
    figure = Figure([(after - before) / bots / 1000], note)
    figure.detail = {"before_bytes": [before], "after_bytes": [after], "bots": [bots]}
    return {rows.HOT_BOT: figure}


def _before_and_after(bots: int) -> tuple[int, int]:
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[Connection] = []
    with tempfile.TemporaryDirectory() as folder, running(ours, Path(folder)) as server:
        before = server.pss_bytes()
        try:
            connections.extend(Connection(server.port) for _ in range(bots))
            for make_request in itertools.chain([_begin], itertools.repeat(_play, _TURNS)):
                for first in range(0, bots, _AT_ONCE):
                    some = range(first, min(bots, first + _AT_ONCE))
                    _exchange([connections[n] for n in some], [make_request(n) for n in some])
            return before, server.pss_bytes()
        finally:
            for connection in connections:
                connection.socket.close()


def _begin(number: int) -> bytes:
    options = f'"weapon":"mace","seed":{number},"mode":"casual"'
    return tool_call("start_new_game", bot_name(number), options, LEGACY)


def _play(number: int) -> bytes:
    return tool_call("handle_input", bot_name(number), '"input":"1"', LEGACY)


def _exchange(connections: list[Connection], requests: list[bytes]) -> None:
    """Send one request on each connection, then read the answers.

    Raises:
        Failed: An answer was an error.
    """
    for connection, request in zip(connections, requests, strict=True):
        connection.send(request)
    for connection in connections:
        answer = connection.answer()
        if GOOD not in answer:
            raise Failed(answer[-400:].decode(errors="replace"))
