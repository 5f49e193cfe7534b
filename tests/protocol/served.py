"""A real server for the tests: uvicorn in a thread, over a real host and a memory store, on a loopback
port."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx2
import msgspec
import uvicorn
from mcp.client.client import Client
from mcp_types import CallToolResult

from dungeonfighter.access.admission import Admission, BoundedAdmission
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.hosting.answers import Present
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ports import Row
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.mcp.app import build_app
from dungeonfighter.rules import Rules
from dungeonfighter.settings import Settings
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.traces import Tracer

T = TypeVar("T")
OPEN = BoundedAdmission(Rates(RateSettings(), lambda: 0.0))
"""Admits every caller as the local principal."""

VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
}
JSON_HEADERS = {"content-type": "application/json", "accept": "application/json, text/event-stream"}


class Served:
    """One server; `with` starts and stops it."""

    def __init__(
        self,
        rules: Rules,
        store: RankingStore | None = None,
        admission: Admission | None = None,
        *,
        tracer: Tracer | None = None,
        short_way: bool = True,
        **host_options: Any,
    ) -> None:
        self.rules = rules
        self.store: RankingStore = store or MemoryStore()
        self.ready = True
        self.admission = admission or OPEN
        self._app_options: dict[str, Any] = {"tracer": tracer, "short_way": short_way}
        self._host_options = host_options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="served")
        self._started = threading.Event()
        # asyncio turns off Nagle's delay of 40 ms only for a socket whose protocol is named.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def __enter__(self) -> Served:
        self._thread.start()
        assert self._started.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        self._socket.close()
        assert not self._thread.is_alive()

    def ask(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the server's own loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def row(self, bot: str) -> Row | None:
        """Return the stored row of a bot."""
        return self.ask(self.store.load([f"local/{bot}"]))[0]

    def present(self, bot: str) -> Present:
        """Return the game of a bot directly from the host."""
        return self.ask(self.host.read(f"local/{bot}"))

    def everything(self) -> list[Row]:
        """Return all rows: a refused request leaves them as they were."""

        async def rows() -> list[Row]:
            lines = await self.store.list_bots("local/", "local/", 1000)
            return [row for row in await self.store.load([line.bot_id for line in lines]) if row is not None]

        return self.ask(rows())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        await self.store.open()
        self.host = BotHost(
            store=self.store, rules=ShippedRules([self.rules]), clock=SystemClock(), chance=SystemChance(),
            **self._host_options,
        )  # fmt: skip
        app = build_app(
            self.host, guard=HostGuard(Settings()), admission=self.admission, ready=lambda: self.ready,
            **self._app_options,
        )  # fmt: skip
        config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none")
        self._server = Announcing(config, self._started)
        await self._server.serve([self._socket])
        await self.host.close()
        await self.store.close()


class Announcing(uvicorn.Server):
    """A server that announces when it listens, so that no test has to poll."""

    def __init__(self, config: uvicorn.Config, started: threading.Event) -> None:
        super().__init__(config)
        self._announced = started

    def install_signal_handlers(self) -> None:
        """Leave the signals to pytest."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announced.set()


@asynccontextmanager
async def connected(url: str, mode: str = "auto") -> AsyncIterator[Client]:
    """Connect a client for a fixture; one task enters and leaves it, as the SDK demands, not pytest's."""
    finished = asyncio.Event()
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    async def hold() -> None:
        try:
            async with Client(url, mode=mode) as client:
                opened.set_result(client)
                await finished.wait()
        except BaseException as error:
            if not opened.done():
                opened.set_exception(error)
            raise

    task = asyncio.create_task(hold())
    try:
        yield await opened
    finally:
        finished.set()
        await task


def text_of(result: CallToolResult) -> str:
    """Return the one text block of a tool's answer."""
    (block,) = result.content
    assert block.type == "text"
    return block.text


def brief(structured: dict[str, Any] | None) -> dict[str, Any]:
    """Return a structure without the members that repeat the text; test_halves covers these."""
    assert structured is not None
    return {name: value for name, value in structured.items() if name not in {"message", "text", "legal"}}


def call_body(tool: str, arguments: dict[str, Any] | None = None, *, request_id: Any = 7) -> dict[str, Any]:
    """Return a `tools/call` of 2026-07-28 as a JSON object."""
    params = {"name": tool, "arguments": arguments or {}, "_meta": META}
    return {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}


def call_headers(tool: str, bot: str | None = None) -> dict[str, str]:
    """Return the headers of a `tools/call` of 2026-07-28."""
    headers = {**JSON_HEADERS, "mcp-protocol-version": VERSION, "mcp-method": "tools/call", "mcp-name": tool}
    if bot is not None:
        headers["mcp-param-bot-id"] = bot
    return headers


async def post(
    served: Served,
    body: bytes | str | dict[str, Any],
    headers: dict[str, str] | None = None,
    path: str = "/mcp",
    method: str = "POST",
) -> httpx2.Response:
    """Send one raw HTTP request and return the answer."""
    content = msgspec.json.encode(body) if isinstance(body, dict) else body
    headers = JSON_HEADERS if headers is None else headers
    async with httpx2.AsyncClient(verify=False) as client:  # plain HTTP: no 25 ms for certificates
        return await client.request(method, f"{served.origin}{path}", content=content, headers=headers)
