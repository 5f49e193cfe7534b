"""Two servers in this process, one with the short way and one without, get the same requests in the same
order. Each has its own host and store, and both have the same random numbers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from dungeonfighter.access.admission import Admission
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.mcp import wire
from dungeonfighter.mcp.app import build_app
from dungeonfighter.rules import Rules
from dungeonfighter.settings import Settings
from dungeonfighter.storage.memory import MemoryStore
from tests.protocol.served import META, OPEN, VERSION
from tests.simulation.chaos import SeededChance
from tests.simulation.virtual_time import VirtualClock, VirtualTimeLoop

ERAS: Final = (VERSION, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", None)
Header = tuple[bytes, bytes]
T = TypeVar("T")


class Ask(Struct, frozen=True):
    """One POST as an HTTP server passes it on: lower-case header names, values without outer blanks."""

    headers: tuple[Header, ...]
    body: bytes
    path: bytes = b"/mcp"
    query: bytes = b""

    def without(self, name: str) -> Ask:
        """Return the same request without a header."""
        kept = tuple(pair for pair in self.headers if pair[0] != name.encode())
        return msgspec.structs.replace(self, headers=kept)

    def with_header(self, name: str, *values: bytes) -> Ask:
        """Return the same request with this header once for each value."""
        added = tuple((name.encode(), value) for value in values)
        return msgspec.structs.replace(self, headers=self.without(name).headers + added)

    def with_body(self, body: bytes) -> Ask:
        return msgspec.structs.replace(self, body=body)


class WireAnswer(Struct, frozen=True):
    """The part of an answer that both ways share: without the text of a JSON-RPC error, with JSON decoded."""

    status: int
    headers: tuple[Header, ...]
    body: Any


_KEPT_HEADERS: Final = (b"content-type", b"allow", b"retry-after", b"mcp-session-id", b"www-authenticate")


def ask(
    tool: str, arguments: object = None, *, era: str | None = VERSION, request_id: object = 7,
    bot: str | None = None, query: bytes = b"", **params: object,
) -> Ask:  # fmt: skip
    """Return a `tools/call` as a good client of an era sends it.

    Args:
        tool: The tool.
        arguments: None leaves the member out.
        era: The protocol revision; None sends no header.
        request_id: The JSON-RPC id.
        bot: The bot of the path; None is `/mcp`.
        query: Of the address.
        **params: Further members of `params`.
    """
    headers = {"host": "localhost", "content-type": "application/json"}
    headers["accept"] = "application/json, text/event-stream"
    inside: dict[str, object] = {"name": tool}
    if arguments is not None:
        inside["arguments"] = arguments
    if era is not None:
        headers["mcp-protocol-version"] = era
    if era == VERSION:
        headers |= {"mcp-method": "tools/call", "mcp-name": tool}
        inside["_meta"] = META
        if bot is None and isinstance(arguments, dict) and isinstance(arguments.get("botId"), str):
            headers["mcp-param-bot-id"] = arguments["botId"]
    message = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": inside | params}
    path = b"/mcp" if bot is None else b"/bots/%b/mcp" % bot.encode()
    pairs = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Ask(pairs, msgspec.json.encode(message), path, query)


class _Counted:
    """A short way that records whether it accepted the last request, and keeps head handlers like a
    connection.
    """

    def __init__(self, short_way: Any) -> None:
        self._short_way = short_way
        self._known: dict[object, wire.HeadHandler] = {}
        self.took = False
        self.taken_under_known_heads = 0

    def handle(
        self, scope: wire.Scope, body: bytes, bot: bytes | None, reply: wire.Reply,
        delivery: Delivery | None = None,
    ) -> wire.HeadHandler | None:  # fmt: skip
        said = [value for name, value in scope["headers"] if name == wire.BOT_HEADER]
        others = tuple(pair for pair in scope["headers"] if pair[0] != wire.BOT_HEADER)
        head = (others, len(said), scope["query_string"], bot)
        known = self._known.get(head) if len(said) < 2 else None
        if known is not None and known(body, reply, said[0] if said else None, delivery):
            self.took = True
            self.taken_under_known_heads += 1
            return known
        handler: wire.HeadHandler | None = self._short_way.handle(scope, body, bot, reply, delivery)
        self.took = handler is not None
        if handler is not None:
            self._known[head] = handler
        return handler


class Way:
    """One server."""

    def __init__(self, rules: Rules, store: MemoryStore, admission: Admission, *, short_way: bool) -> None:
        self.store = store
        self.admission = admission
        self.host = BotHost(
            store=store, rules=ShippedRules([rules]), clock=VirtualClock(), chance=SeededChance(Random(5)),
            commit_timeout_seconds=3,
        )  # fmt: skip
        self._app = build_app(
            self.host, guard=HostGuard(Settings()), admission=admission, short_way=short_way
        )
        self.short_way: Any = self._app._endpoint.short_way
        self._counted = _Counted(self.short_way)
        if short_way:
            self._app._endpoint.short_way = self._counted
        self._life: asyncio.Task[None]
        self._ended = asyncio.Event()

    async def start(self) -> None:
        started = asyncio.Event()
        orders = iter(["lifespan.startup", "lifespan.shutdown"])

        async def receive() -> dict[str, Any]:
            order = next(orders)
            if order == "lifespan.shutdown":
                await self._ended.wait()
            return {"type": order}

        async def send(message: wire.Message) -> None:
            assert message["type"].endswith(".complete"), message
            started.set()

        self._life = asyncio.create_task(self._app({"type": "lifespan", "state": {}}, receive, send))
        await started.wait()

    async def close(self) -> None:
        self._ended.set()
        await self._life
        await self.host.close()

    @property
    def took(self) -> bool:
        """The short way accepted the last request."""
        return self._counted.took

    @property
    def taken_under_known_heads(self) -> int:
        """Return how many requests the short way accepted under known heads."""
        return self._counted.taken_under_known_heads

    async def answer(self, request: Ask) -> WireAnswer:
        """Answer one request."""
        self._counted.took = False
        sent: list[Any] = []
        bodies = [request.body]

        async def receive() -> wire.Message:
            if bodies:
                return {"type": "http.request", "body": bodies.pop(), "more_body": False}
            await asyncio.Event().wait()  # the client stays
            raise AssertionError

        async def send(message: wire.Message) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http", "path": request.path.decode(), "raw_path": request.path,
            "query_string": request.query,
            "root_path": "", "headers": list(request.headers),
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        await self._app(scope, receive, send)
        head, *rest = sent
        kept = tuple(sorted(pair for pair in head["headers"] if pair[0] in _KEPT_HEADERS))
        return WireAnswer(head["status"], kept, _seen(b"".join(message["body"] for message in rest)))

    async def everything(self) -> list[object]:
        """Return everything in the store."""
        keys = [line.bot_id for line in await self.store.list_bots("", "", 10_000)]
        found: list[object] = list(await self.store.load(keys))
        for key in keys:
            saves = await self.store.list_saves(key)
            found += [await self.store.get_save(key, save.slot) for save in saves]
            ended = await self.store.episodes(key)
            found += ended
            for episode in range(1, len(ended) + 2):
                found += await self.store.inputs(key, episode)
        return found


class BothWays:
    """The two servers in virtual time; a `with` statement starts and stops them.

    Args:
        rules: The rules of both servers.
        stores: Makes the store of each.
        may_break: Status 500 is an answer, too.
        admissions: Makes the admission of each.
    """

    def __init__(
        self, rules: Rules, stores: Callable[[], MemoryStore] | None = None, *, may_break: bool = False,
        admissions: Callable[[], Admission] = lambda: OPEN,
    ) -> None:  # fmt: skip
        self.may_break = may_break
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        made = stores if stores is not None else lambda: MemoryStore(lambda: 1_800_000_000.0)
        self.short = Way(rules, made(), admissions(), short_way=True)
        self.long = Way(rules, made(), admissions(), short_way=False)
        self.taken = self.left = 0
        """The numbers of requests that the short way accepted, and refused."""

    def __enter__(self) -> BothWays:
        self._runner.__enter__()
        for way in (self.short, self.long):
            self._runner.run(way.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for way in (self.short, self.long):
            self._runner.run(way.close())
        self._runner.__exit__(kind, error, at)

    def agree(self, request: Ask) -> tuple[WireAnswer, bool]:
        """Send a request both ways; return the common answer, and whether the short way accepted it."""
        short = self._runner.run(self.short.answer(request))
        took = self.short.took
        long = self._runner.run(self.long.answer(request))
        assert short == long, (took, request)
        assert short.status != 500 or self.may_break, request
        if took:
            self.taken += 1
        else:
            self.left += 1
        return short, took

    def at_once(self, requests: Sequence[Ask], then: Callable[[Way], None]) -> list[list[WireAnswer]]:
        """Send all requests at once and act after the first answer; return each way's answers, the first ones
        first.
        """

        async def sent(way: Way) -> list[WireAnswer]:
            tasks = [asyncio.create_task(way.answer(request)) for request in requests]
            done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            then(way)
            late = await asyncio.gather(*[task for task in tasks if task in waiting])
            return [*[task.result() for task in tasks if task in done], *late]

        return [self._runner.run(sent(way)) for way in (self.short, self.long)]

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop of both servers."""
        return self._runner.run(what)

    def on_both(self, do: Callable[[Way], Any]) -> None:
        """Run a function on each server."""
        for way in (self.short, self.long):
            self._runner.run(do(way))

    def stores_agree(self) -> int:
        """Assert that both stores are equal; return the number of their entries."""
        short, long = [self._runner.run(way.everything()) for way in (self.short, self.long)]
        assert short == long
        return len(short)


def _seen(body: bytes) -> Any:
    if not body:
        return None
    seen = msgspec.json.decode(body)
    if "error" in seen:
        assert isinstance(seen["error"].pop("message"), str)
    return seen
