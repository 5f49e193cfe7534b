"""Two regions on this machine: each a network namespace with HAProxy, two servers and two PostgreSQL servers.

The line between them takes 40 ms one way. In a region one PostgreSQL is the synchronous standby of the other;
between the regions replication is asynchronous. Region B is a standby of region A until it is promoted.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import Load, LoadOptions, run_load
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Verdict, verify_load
from dungeonfighter.rules import load_rules
from testkit.haproxy import Haproxy
from testkit.namespaces import Link, Namespace
from testkit.postgres_server import PostgresServer
from tests.integration.behind_balancer import Server

DELAY_SECONDS: Final = 0.04
ADDRESSES: Final = ("10.77.0.1", "10.77.0.2")
DATABASE: Final = "dungeonfighter"
GAME_PORT: Final = 8080
"""The port of both balancers, on the loopback of their region: a bot that moves keeps its address."""
PRIMARY_PORT, STANDBY_PORT = 5432, 5433
"""The ports of the first and of the second PostgreSQL of a region."""
_TRUST: Final = "local all all trust\nhost all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n"
_SETTINGS: Final = {"wal_log_hints": "on", "wal_keep_size": "64MB", "max_connections": "80"}


Result = TypeVar("Result")


class Region:
    """One region.

    Attributes:
        name: `a` or `b`.
        first: The PostgreSQL that other regions can reach.
        second: The one beside it, which follows it.
    """

    def __init__(self, name: str, folder: Path, namespace: Namespace, address: str) -> None:
        self.name = name
        self.namespace = namespace
        self.address = address
        self.folder = folder / name
        self.folder.mkdir()
        self.servers: list[Server] = []
        self.first: PostgresServer
        self.second: PostgresServer
        self.balancer: Haproxy

    def database(self, *others: Region) -> str:
        """Return the connection string of servers here: the primary, whichever region has it."""
        hosts = ",".join(region.address for region in (self, *others))
        return (
            f"Host={hosts};Port={PRIMARY_PORT};Database={DATABASE};Username=postgres;"
            "Target Session Attributes=read-write"
        )

    def postgres(self, copy_of: str = "", *, port: int = PRIMARY_PORT) -> PostgresServer:
        with self.namespace.entered():
            return PostgresServer(
                in_memory=True, host=self.address, port=port, access=_TRUST, copy_of=copy_of, **_SETTINGS
            )

    def start(self, server: PostgresServer) -> None:
        with self.namespace.entered():
            server.start()

    def run(self, block: str, server: PostgresServer, **places: str) -> str:
        """Run commands of the documents on the host of a PostgreSQL, as its user; return what they print."""
        output = server.folder / "printed"
        words = {"PGDATA": server.folder / "data", **places}
        setting = "\n".join(f"export {name}='{value}'" for name, value in words.items())
        path = f"export PATH='{Path(server.program('psql')).parent}':$PATH"
        with self.namespace.entered():
            server.run_as_owner("/bin/sh", "-ec", f"{path}\n{setting}\n(\n{block}\n) > {output}")
        return output.read_text()

    def query(self, server: PostgresServer, text: str) -> list[Any]:
        """Return the rows of a query."""

        async def ask() -> list[Any]:
            connection = await asyncpg.connect(server.url(DATABASE), timeout=10)
            try:
                return list(await connection.fetch(text))
            finally:
                await connection.close()

        return in_namespace(self.namespace, lambda: asyncio.run(ask()))


def in_namespace(namespace: Namespace, call: Callable[[], Result]) -> Result:
    """Return the result of a call in a thread of its own that lives in the namespace."""

    def run() -> Result:
        with namespace.entered():
            return call()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run).result()


@contextlib.contextmanager
def two_regions(folder: Path) -> Iterator[tuple[Region, Region, Link]]:
    """Run both regions, with the primary in the first one."""
    with contextlib.ExitStack() as stack:
        here, there = (stack.enter_context(Namespace(name)) for name in "ab")
        link = stack.enter_context(Link(here, there, ADDRESSES, DELAY_SECONDS))
        first, second = (
            Region(name, folder, namespace, address)
            for name, namespace, address in zip("ab", (here, there), ADDRESSES, strict=True)
        )
        _start_databases(stack, first, second)
        for region, other in ((first, second), (second, first)):
            _start_servers(stack, region, other)
        yield first, second, link


def _start_databases(stack: contextlib.ExitStack, a: Region, b: Region) -> None:
    def start(region: Region, copy_of: str, port: int) -> PostgresServer:
        server = region.postgres(copy_of, port=port)
        stack.callback(server.close)
        with region.namespace.entered():
            server.start()
        return server

    a.first = start(a, "", PRIMARY_PORT)
    with a.namespace.entered():
        a.first.order(f"create database {DATABASE}")
    a.second = start(a, a.first.words("a2"), STANDBY_PORT)
    b.first = start(b, a.first.words("b1"), PRIMARY_PORT)
    b.second = start(b, b.first.words("b2"), STANDBY_PORT)
    with a.namespace.entered():
        a.first.order("alter system set synchronous_standby_names = 'a2'", "select pg_reload_conf()")


def _start_servers(stack: contextlib.ExitStack, region: Region, other: Region) -> None:
    with region.namespace.entered():
        for number in range(2):
            folder = region.folder / f"server{number}"
            folder.mkdir()
            own_copy = f"--read-db={region.first.url(DATABASE)}"
            server = Server(
                folder, region.database(other),
                ("--trusted-proxies=127.0.0.0/8", "--drain-seconds=2", own_copy),
                address=(f"127.0.0.{11 + number}", 8000),
            )  # fmt: skip
            region.servers.append(server)
            stack.callback(server.kill)
            server.start()
        places = {f"SERVER_{letter}": f"127.0.0.{11 + number}:8000" for number, letter in enumerate("ABC")}
        region.balancer = stack.enter_context(
            Haproxy(region.folder, "servers-by-address.cfg", HTTP_BIND=f"127.0.0.1:{GAME_PORT}", **places)
        )


class Players(threading.Thread):
    """Bots that play in one region, at the balancer of its loopback, until they are stopped.

    Args:
        region: Where they begin.
        prefix: The beginning of their ids.
        bots: Their number.
        every: Seconds from one call of a bot to its next.
    """

    def __init__(self, region: Region, prefix: str, bots: int, every: float = 0.5) -> None:
        super().__init__(daemon=True)
        self.tally = Tally()
        self._namespace = region.namespace
        self._options = LoadOptions(
            f"http://localhost:{GAME_PORT}", bots, every=every, prefix=prefix,
            habits=Habits(patience_seconds=120),
        )  # fmt: skip
        self._loop: asyncio.AbstractEventLoop
        self._entered = contextlib.ExitStack()
        self._stopping: asyncio.Event
        self._is_running = threading.Event()
        self._load: Load | None = None
        self._verdict: Verdict | None = None
        self.start()
        assert self._is_running.wait(30)

    def run(self) -> None:
        with self._entered:
            self._entered.enter_context(self._namespace.entered())
            asyncio.run(self._play())

    async def _play(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._is_running.set()
        self._load = await run_load(self._options, lambda _: None, tally=self.tally, stop=self._stopping)
        self._verdict = await verify_load(self._load, load_rules(), lambda _: None)

    def move(self, region: Region) -> None:
        """Let further connections of these bots go to the balancer of another region."""

        def enter() -> None:
            self._entered.enter_context(region.namespace.entered())

        self._loop.call_soon_threadsafe(enter)

    def finish(self) -> tuple[Load, Verdict]:
        """Stop the bots, and verify every turn that was acknowledged, in the region where they are."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self.join(180)
        assert self._load is not None
        assert self._verdict is not None
        return self._load, self._verdict
