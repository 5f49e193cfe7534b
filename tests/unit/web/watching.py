"""A host over a memory store with its watch page, and requests to the page without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dungeonfighter.access.admission import Admission, BoundedAdmission
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.ranked_runs import RankingStore
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.web.app import WatchApp
from dungeonfighter.web.audiences import Audience
from dungeonfighter.web.figures import Summary
from dungeonfighter.web.watch import Watch

WHOLE = Audience("local")


def filled(path: str, bot: str) -> str:
    """Return a path of the API with a bot and its first run in it."""
    return path.replace("{bot}", bot).replace("{episode}", "1")


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


class Site:
    """A host, its ticker and its application; the ticker runs only when the test calls `tick`."""

    def __init__(
        self,
        admission: Admission | None = None,
        store: RankingStore | None = None,
        fleet: str | None = "local",
    ) -> None:
        self.clock = HandClock()
        self.admission = admission or BoundedAdmission(Rates(RateSettings(), self.clock.now))
        self.host = BotHost(
            store=MemoryStore() if store is None else store, rules=ShippedRules([load_rules()]),
            clock=self.clock, chance=SystemChance(), meter=MeterRegistry(),
            by_fleet=fleet is None,
        )  # fmt: skip
        self.watch = Watch(self.host, self.clock, fleet)
        self.app = WatchApp(self.host, self.watch, self.admission)

    async def start(self, *bots: str) -> None:
        """Start a run of each bot."""
        for bot in bots:
            await self.host.start(f"local/{bot}", NewGame(seed=1, weapon=1, name="Ada"))

    def summary(self) -> Summary:
        """Return the summary of the one fleet."""
        return self.watch.summary(WHOLE)

    async def tick(self, seconds: float = 1.0) -> None:
        self.clock.seconds += seconds
        await self.watch.tick()

    async def get(self, target: str, method: str = "GET", **headers: str) -> Reply:
        """Request one path (with its query)."""
        request = Request(self.app, target, method, headers)
        await request.run()
        return request.reply

    @asynccontextmanager
    async def viewing(self, target: str = "/api/events", **headers: str) -> AsyncIterator[Request]:
        """Open a stream of events; the client leaves at the end of the block."""
        request = Request(self.app, target, "GET", headers)
        task = asyncio.create_task(request.run())
        try:
            yield request
        finally:
            request.left.set()
            await task


class Reply:
    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Request:
    """One request to an ASGI application; `left` closes the connection from the client's side."""

    def __init__(
        self, app: Any, target: str, method: str, headers: dict[str, str], body: bytes | None = None,
        address: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        path, _, query = target.partition("?")
        self._app = app
        self._scope = {
            "type": "http",
            "method": method,
            "path": path,
            "client": (address, 50_000),
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        self._body = body
        self.left = asyncio.Event()
        self.reply = Reply()
        self.ended = asyncio.Event()
        self._more = asyncio.Event()

    async def run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    async def events(self, count: int) -> list[tuple[str, Any]]:
        """Wait for at least `count` events; return all that have come."""
        while len(found := self._parsed()) < count:
            self._more.clear()
            await self._more.wait()
        return found

    def _parsed(self) -> list[tuple[str, Any]]:
        found = []
        for block in self.reply.body.decode().split("\n\n")[:-1]:
            event, data = block.split("\n")
            found.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        return found

    async def _receive(self) -> dict[str, Any]:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.reply.status = message["status"]
            self.reply.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.reply.body += message["body"]
            if not message.get("more_body", False):
                self.ended.set()
        self._more.set()
