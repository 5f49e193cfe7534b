"""A driver that plays a server in its own process, without a socket; `bench.instructions` counts it.

`python -m bench.in_process STORE BOTS FIRST LAST` prepares a server over `memory` or a new `sqlite` file and
forks twice: one child plays every bot's turns up to `FIRST`, the other up to `LAST`; they differ in nothing
else. A fifth word, `access`, makes a server that demands access tokens and limits the rates of bots, tokens
and fleets; `traces`, one with traces (`OTEL_EXPORTER_OTLP_ENDPOINT` and others). The driver finds the parts
of the server by their names, in any module of the package, so the same script drives older and younger
sources, which come first in PYTHONPATH.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import importlib.util
import inspect
import math
import os
import re
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.server import ServerState

from bench.load import GOOD, LEGACY, MODERN, bot_name, tool_call

_PACKAGE: Final = "dungeonfighter"
_WEAPONS: Final = ("mace", "sword", "dagger", "wand")
_LIMITED: Final = {"rate_per_bot": "1000", "rate_per_token": "1000000", "rate_per_fleet": "1000000"}
_TOKEN_SECONDS: Final = 86_400
_PATIENCE_SECONDS: Final = 600.0
_NAMES: Final = ("read_settings", "STORES", "open_host", "compose", "BoundedProtocol")
_NAMES_OF_TRACES: Final = ("Secrets", "tracing")


class Transport:
    """Stands in for the socket: keeps the last answer and calls `waiting` for each."""

    waiting: Callable[[], None]

    _socket = socket.socket()
    """An unconnected one: the server asks the kernel how much of an answer has arrived."""

    def __init__(self) -> None:
        self.last = b""

    def write(self, data: bytes) -> None:
        self.last = data
        self.waiting()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a loopback address for both ends, a socket, and `default` for everything else."""
        if name == "socket":
            return self._socket
        return ("127.0.0.1", 8000) if name in {"peername", "sockname"} else default

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None:
        """Do nothing: the driver sends only requests that the server can take."""

    def resume_reading(self) -> None:
        """Do nothing: the driver sends only requests that the server can take."""

    def close(self) -> None:
        raise RuntimeError(f"the server closed a connection; its last answer: {self.last[:400]!r}")


def parts(further: Sequence[str] = ()) -> dict[str, Any]:
    """Return the needed parts of the server by name, from the modules that define them.

    Args:
        further: The names of further parts.

    Raises:
        LookupError: No module defines one of the names.
    """
    found = importlib.util.find_spec(_PACKAGE)
    assert found is not None
    assert found.origin is not None
    folder = Path(found.origin).parent
    missing = {*_NAMES, *further}
    named: dict[str, Any] = {}
    for file in sorted(folder.rglob("*.py")):
        defined = missing.intersection(
            re.findall(r"^(?:async def |def |class )?(\w+)", file.read_text(), re.MULTILINE)
        )
        if defined:
            module = importlib.import_module(
                ".".join([_PACKAGE, *file.relative_to(folder).with_suffix("").parts])
            )
            named |= {name: getattr(module, name) for name in defined}
            missing -= defined
    if missing:
        raise LookupError(f"{folder} defines no {', '.join(sorted(missing))}")
    return named


async def _admission(compose: Any, settings: Any, *, has_access: bool) -> tuple[list[Any], str]:
    """Return the admission for `compose`, if the measured sources want one, and the access token."""
    composition = sys.modules[compose.__module__]
    if "admission" not in inspect.signature(compose).parameters:
        return [], ""
    if not has_access:
        return [composition.make_admission()], ""
    return await _token_admission(composition.make_rates(settings))


async def _token_admission(rates: Any) -> tuple[list[Any], str]:
    """Return an admission with one access token, of the fleet `bench`, and the token."""
    from dungeonfighter.access import tokens  # noqa: PLC0415 (older sources have none)
    from dungeonfighter.access.admission import TokenAdmission  # noqa: PLC0415
    from dungeonfighter.access.token_book import TokenBook  # noqa: PLC0415
    from dungeonfighter.hosting.ports import AccessToken  # noqa: PLC0415
    from dungeonfighter.hosting.system import SystemClock  # noqa: PLC0415

    now, secret = time.time(), tokens.new_secret()
    token = tokens.describe(
        secret, fleet="bench", bots="*", scopes=["play"], created_at=now, expires_at=now + _TOKEN_SECONDS,
        turns_required=False,
    )  # fmt: skip

    class OneToken:
        async def tokens_after(self, version: int) -> list[AccessToken]:
            return [] if version else [token]

    book = TokenBook(OneToken(), SystemClock())
    await book.refresh()
    book._valid_until = math.inf  # nobody refreshes it, and valgrind takes minutes
    return [TokenAdmission(rates, book)], secret


class Played:
    """A server over a new store, with a connection for every bot.

    Args:
        named: The parts of the server.
        database: Its address.
        bots: The number of bots.
        kind: "access": callers need an access token, and their rates are limited; "traces": calls are
            traced as the environment says.
    """

    def __init__(self, named: dict[str, Any], database: str, bots: int, kind: str = "") -> None:
        self._named = named
        self._has_access, self._has_traces = kind == "access", kind == "traces"
        self._token = ""
        given = {"database": database, "slow_turn_milliseconds": "0"}  # every turn is slow under valgrind
        given |= _LIMITED if self._has_access else {}
        environ = dict(os.environ) if self._has_traces else {}
        self._settings = named["read_settings"](given, environ, stores=named["STORES"])
        self._bots = bots
        self._transports = [Transport() for _ in range(bots)]
        self._connections: list[asyncio.Protocol] = []
        self._unanswered = 0
        self._all_answered = asyncio.Event()

    async def play(self, turns: int) -> None:
        """Begin a casual run for every bot and give the input `1` in each of `turns` turns.

        Raises:
            RuntimeError: An answer was not a turn.
        """
        Transport.waiting = self._answer
        asyncio.get_running_loop().set_exception_handler(_end)  # else the answer would be awaited for ever
        compose = self._named["compose"]
        admission, self._token = await _admission(compose, self._settings, has_access=self._has_access)
        async with (
            self._named["open_host"](self._settings, serves=True) as host,
            self._tracing(host) as tracer,
        ):
            draining, _ = compose(self._settings, host, *admission, **tracer)
            self._connect(draining)
            await self._ask([self._with_token(_begin(number)) for number in range(self._bots)])
            self._check(b"")
            requests = [
                self._with_token(tool_call("handle_input", bot_name(n), '"input":"1"', MODERN))
                for n in range(self._bots)
            ]
            for _ in range(turns):
                await self._ask(requests)
            self._check(b" t%d " % turns)

    @contextlib.asynccontextmanager
    async def _tracing(self, host: Any) -> AsyncIterator[dict[str, Any]]:
        """Yield the argument of `compose` for traces; none without them."""
        if not self._has_traces:
            yield {}
            return
        # valgrind is fifty times slower, and no batch may be given up for that.
        for module, limit in (("otlp", "SEND_SECONDS_MAX"), ("span_export", "CLOSE_SECONDS")):
            setattr(importlib.import_module(f"{_PACKAGE}.telemetry.{module}"), limit, _PATIENCE_SECONDS)
        secrets = self._named["Secrets"](self._settings, {}, {})
        async with self._named["tracing"](self._settings, secrets, host, "bench") as tracer:
            yield {"tracer": tracer}

    def _with_token(self, request: bytes) -> bytes:
        header = f"Authorization: Bearer {self._token}\r\n".encode() if self._token else b""
        return request.replace(b"Host: ", header + b"Host: ", 1)

    def _connect(self, draining: Any) -> None:
        protocol: Any = self._named["BoundedProtocol"]

        class Short(protocol):  # type: ignore[misc]
            short_way = draining

        config = uvicorn.Config(
            draining, http=Short, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, proxy_headers=False,
        )  # fmt: skip
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"Sun, 01 Nov 2026 00:00:00 GMT")]
        for transport in self._transports:
            self._connections.append(Short(config=config, server_state=state, app_state={}))
            self._connections[-1].connection_made(transport)  # type: ignore[arg-type]

    async def _ask(self, requests: list[bytes]) -> None:
        """Give each connection its request, in one run of the loop; return when each has answered."""
        self._unanswered = len(requests)
        self._all_answered.clear()
        for connection, request in zip(self._connections, requests, strict=True):
            connection.data_received(request)
        await self._all_answered.wait()

    def _answer(self) -> None:
        self._unanswered -= 1
        if not self._unanswered:
            self._all_answered.set()

    def _check(self, expected: bytes) -> None:
        for transport in self._transports:
            if GOOD not in transport.last or expected not in transport.last:
                raise RuntimeError(f"not the answer that was expected: {transport.last[:400]!r}")


def main() -> int:
    store, bots, *lengths = sys.argv[1], *map(int, sys.argv[2:5])
    kind = "".join(sys.argv[5:])
    named = parts(_NAMES_OF_TRACES if kind == "traces" else ())
    _play(named, "memory", 1, 1, kind)  # imports all modules, once for both children
    gc.collect()
    gc.freeze()
    gc.disable()  # its runs would be most of the difference between the children
    for turns in lengths:
        child = os.fork()
        if not child:
            _play(named, store, bots, turns, kind)
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if status:
            return 1
        sys.stdout.write(f"{child} {turns}\n")
    return 0


def _play(named: dict[str, Any], store: str, bots: int, turns: int, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = "memory://" if store == "memory" else f"sqlite:///{folder}/games.db"
        _on_fastest_loop(Played(named, database, bots, kind), turns)


def _on_fastest_loop(played: Played, turns: int) -> None:
    try:
        import uvloop  # noqa: PLC0415 (absent on Windows)
    except ImportError:
        asyncio.run(played.play(turns))
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(played.play(turns))


def _end(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)
    os._exit(1)


def _begin(number: int) -> bytes:
    arguments = f'"weapon":"{_WEAPONS[number % 4]}","seed":{number},"mode":"casual"'
    return tool_call("start_new_game", bot_name(number), arguments, LEGACY)


if __name__ == "__main__":
    sys.exit(main())
