"""The place of one scenario: hosts, databases, servers, balancer, and the removal of all of it.

docs/chaos.md draws the topology.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

import asyncpg

from chaos import databases, starting
from chaos.balancer import Balancer
from chaos.hosts import Host, Network
from chaos.interruption import Interruption
from chaos.services import Service
from testkit.leftovers import Leftovers
from testkit.postgres_server import PostgresServer
from testkit.redis_server import RedisServer
from testkit.server_process import ServerProcess

ADDRESSES: Final[Mapping[str, str]] = {
    "database-1": "10.79.0.11", "database-2": "10.79.0.12", "redis": "10.79.0.21",
    "server-1": "10.79.0.31", "server-2": "10.79.0.32", "server-3": "10.79.0.33", "balancer": "10.79.0.41",
}  # fmt: skip


class Plan(NamedTuple):
    """The choices of a scenario about its stage.

    Attributes:
        store: postgresql or sqlite.
        replication: synchronous, asynchronous or none.
        servers: The number of servers of the game.
        flags: Further arguments of `serve`.
        environment: Further variables of `serve`.
    """

    store: str = "postgresql"
    replication: str = "synchronous"
    servers: int = 3
    flags: Sequence[str] = ()
    environment: Mapping[str, str] = {}


class Stage:
    """Everything that one scenario starts; all methods block and are called in threads.

    `build` makes the hosts, `start` the programs on them; what a fault needs from the start is put into
    `folders`, `database_settings`, `wrappers`, `environs` and `database_names` in between (`Fault.prepare`).

    Attributes:
        hosts: By name.
        servers: The servers of the game, `server-1` first.
        databases: The PostgreSQL servers by the names of their hosts; empty with SQLite.
        primary_host, standby_host: Where the primary and the standby are; a promotion changes them.
        database: The connection string that the servers get.
        folders: By `database-N` the folder of a database, by `database-N-wal` that of its log, by `server-N`
            that of a SQLite file.
        database_settings: Settings of a database by its host.
        wrappers: Words in front of the command of a server, by its host.
        environs: Variables of a server, by its host.
        database_names: By the host of a database, a name that servers use in place of its address.
    """

    def __init__(self, plan: Plan, folder: Path, leftovers: Leftovers, interruption: Interruption) -> None:
        self.plan = plan
        self.folder = folder
        self.leftovers = leftovers
        self.interruption = interruption
        self.servers: list[ServerProcess] = []
        self.databases: dict[str, PostgresServer] = {}
        self.primary_host: Host
        self.standby_host: Host | None = None
        self.redis: RedisServer
        self.balancer: Balancer
        self.database = ""
        self.folders: dict[str, Path] = {}
        self.database_settings: dict[str, dict[str, str]] = {}
        self.wrappers: dict[str, list[str]] = {}
        self.environs: dict[str, dict[str, str]] = {}
        self.database_names: dict[str, str] = {}
        self.services: dict[str, Service] = {}
        self._network = Network(leftovers)
        self._exits = contextlib.ExitStack()

    @property
    def hosts(self) -> dict[str, Host]:
        return self._network.hosts

    @property
    def primary(self) -> PostgresServer:
        return self.databases[self.primary_host.name]

    @property
    def standby(self) -> PostgresServer:
        return self.databases[self._standby_host().name]

    @property
    def sqlite_file(self) -> Path:
        """The database of `server-1`, in a scenario with SQLite."""
        return self.folders.get("server-1", self.folder / "server-1") / "games.db"

    # The life of a stage

    def build(self) -> None:
        """Make the hosts.

        Raises:
            PartMissing: A program of the part `network` is missing.
        """
        self.at_end(self._network.close)
        self._network.open()
        for name in self._names():
            self._network.add(name, ADDRESSES[name])
        if self.plan.store == "postgresql":
            self.primary_host = self.hosts["database-1"]
            self.standby_host = self.hosts.get("database-2")

    def start(self) -> None:
        """Start the programs.

        Raises:
            PartMissing: A program is missing.
            Interrupted: The run ends.
            AssertionError, RuntimeError, OSError: A program did not start.
        """
        self.interruption.check()
        work = [lambda: starting.start_redis(self)]
        if self.plan.store == "postgresql":
            work.append(lambda: starting.start_databases(self))
        self.together(work)
        self.interruption.check()
        starting.start_servers(self)
        self.interruption.check()
        starting.start_balancer(self)

    def close(self) -> None:
        """End and remove everything, in the opposite order."""
        self._exits.close()

    def at_end(self, action: Callable[[], object]) -> None:
        """Have an action done at the end, before those that were added earlier."""
        self._exits.callback(action)

    # What faults ask for

    def add_host(self, name: str, address: str) -> Host:
        """Make a further host, before the programs start."""
        return self._network.add(name, address)

    def named(self, words: Sequence[str], draws: random.Random) -> list[Host]:
        """Return the hosts of a list in a scenario.

        Args:
            words: Names of hosts; `primary` and `standby` as they are now; `a-server`, which is drawn; all
                `servers`.
            draws: Draws.
        """
        found: list[Host] = []
        for word in words:
            if word == "a-server":
                found.append(draws.choice(self.server_hosts()))
            elif word == "servers":
                found += self.server_hosts()
            elif word == "primary":
                found.append(self.primary_host)
            elif word == "standby":
                found.append(self._standby_host())
            else:
                found.append(self.hosts[word])
        return found

    def server_hosts(self) -> list[Host]:
        return [self.hosts[f"server-{number}"] for number in range(1, self.plan.servers + 1)]

    def service(self, host: Host) -> Service:
        """Return the program on a host.

        Raises:
            RuntimeError: There is none that can be killed and started.
        """
        if host.name not in self.services:
            raise RuntimeError(f"no fault can kill a program on {host}")
        return self.services[host.name]

    def server_on(self, host: Host) -> ServerProcess:
        """Return the server of the game on a host."""
        return self.servers[self.server_hosts().index(host)]

    def port_of(self, host: Host) -> int:
        """Return the port on which the program of a host listens."""
        if host.name in self.databases:
            return databases.PORT
        return starting.REDIS_PORT if host.name == "redis" else starting.PORT

    def query(self, host: Host, text: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which the PostgreSQL on a host answers."""

        async def ask() -> list[tuple[Any, ...]]:
            connection = await asyncpg.connect(self.databases[host.name].url(databases.DATABASE), timeout=10)
            try:
                return [tuple(row) for row in await connection.fetch(text, timeout=30)]
            finally:
                await connection.close()

        return host.call(lambda: asyncio.run(ask()))

    def promote(self) -> None:
        """Make the standby the primary, which then has no standby; return when it accepts writes."""
        former, promoted = self.primary_host, self._standby_host()
        databases.promote(promoted, self.databases[promoted.name])
        self.primary_host, self.standby_host = promoted, former

    def until(self, condition: Callable[[], bool], seconds: float, complaint: str) -> None:
        """Wait until a condition holds, or raise `TooLate` with the complaint, or `Interrupted`."""
        self.interruption.until(condition, seconds, complaint)

    def together(self, work: Sequence[Callable[[], object]]) -> None:
        """Do several things at once; return when all have ended.

        Raises:
            Exception: That of the first that failed.
        """
        with ThreadPoolExecutor(max(1, len(work))) as threads:
            done = [threads.submit(one) for one in work]
        for one in done:
            one.result()

    def _names(self) -> list[str]:
        servers = [f"server-{number}" for number in range(1, self.plan.servers + 1)]
        stores = ["database-1", "database-2"] if self.plan.store == "postgresql" else []
        if self.plan.replication == "none":
            stores = stores[:1]
        return [*stores, "redis", *servers, "balancer"]

    def _standby_host(self) -> Host:
        assert self.standby_host is not None, "this scenario has no standby"
        return self.standby_host
