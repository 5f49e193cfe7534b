"""Starts the programs of a stage, each on its host."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chaos import databases
from chaos.balancer import Balancer
from chaos.hosts import Host
from chaos.services import Service
from testkit.parts import PartMissing, program
from testkit.postgres_server import PostgresServer
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess

if TYPE_CHECKING:
    from chaos.stage import Stage

PORT: Final = 8000
_NETWORK: Final = "10.79.0.0/24"
REDIS_PORT: Final = 6379
_STREAM_SECONDS_MAX: Final = 30.0


def start_redis(stage: Stage) -> None:
    found = redis_program()
    if found is None:
        raise PartMissing("redis")
    host = stage.hosts["redis"]
    words = ("--protected-mode", "no")
    redis = stage.redis = RedisServer(found, _own_folder(stage, host), host.address, REDIS_PORT, words)

    def start() -> None:
        with host.entered():
            redis.start()
        stage.leftovers.add("process", str(redis.pid))

    stage.services[host.name] = Service(start, redis.kill, lambda: redis.is_running, lambda: redis.pid)
    stage.at_end(redis.kill)
    start()


def start_databases(stage: Stage) -> None:
    """Start the primary and, if there is one, its standby, and wait until that follows."""
    first, second = stage.primary_host, stage.standby_host
    primary = _start_database(stage, first)
    databases.order(first, primary, f"create database {databases.DATABASE}")
    stage.interruption.check()
    if second is not None:
        _start_database(stage, second, primary.words(second.name))
        if stage.plan.replication == "synchronous":
            databases.set_standby(first, primary, second)
        stage.until(lambda: is_streaming(stage), _STREAM_SECONDS_MAX, "the standby does not follow")
    places = [
        stage.database_names.get(host.name, host.address) for host in (first, second) if host is not None
    ]
    stage.database = stage.database or databases.connection_string(places)


def is_streaming(stage: Stage) -> bool:
    """Return True if the standby follows the primary in the way of the scenario."""
    wanted = "sync" if stage.plan.replication == "synchronous" else "async"
    rows = stage.query(
        stage.primary_host, "select sync_state from pg_stat_replication where state = 'streaming'"
    )
    return rows == [(wanted,)]


def _start_database(stage: Stage, host: Host, copy_of: str = "") -> PostgresServer:
    settings = stage.database_settings.get(host.name, {})
    folders = stage.folders.get(host.name), stage.folders.get(f"{host.name}-wal")
    server = stage.databases[host.name] = databases.make(host, copy_of, folders, settings)
    stage.leftovers.add("folder", str(server.folder))

    def start() -> None:
        with host.entered():
            server.start()

    def close() -> None:
        if server.is_running:
            server.kill()  # a frozen one would not stop otherwise
        if server.log.exists():
            shutil.copy(server.log, stage.folder / f"{host.name}.log")
        server.close()

    stage.services[host.name] = Service(
        start, server.kill, lambda: server.is_running, lambda: databases.pid(server)
    )
    stage.at_end(close)
    start()
    return server


def start_servers(stage: Stage) -> None:
    """Start the servers of the game, all at once."""
    for host in stage.server_hosts():
        _add_server(stage, host)
    stage.together([stage.service(host).start for host in stage.server_hosts()])


def _add_server(stage: Stage, host: Host) -> None:
    folder = _own_folder(stage, host)
    flags = (
        f"--instance-id={host.name}", "--allow-open=1", f"--allowed-hosts={host.address}",
        f"--trusted-proxies={_NETWORK}", f"--redis=redis://{stage.hosts['redis'].address}:{REDIS_PORT}/0",
        "--drain-seconds=2", *stage.plan.flags,
    )  # fmt: skip
    inside = (program("ip", part="network"), "netns", "exec", host.namespace.name)
    server = ServerProcess(
        folder,
        stage.database or f"sqlite:///{stage.sqlite_file.resolve()}",
        flags,
        environ={**stage.plan.environment, **stage.environs.get(host.name, {})},
        wrapper=(*inside, *stage.wrappers.get(host.name, ())),
        address=(host.address, PORT),
    )

    def start() -> None:
        server.kill()  # it may have ended by itself
        with host.entered():
            server.start()
        stage.leftovers.add("process", str(server.process_id))

    stage.servers.append(server)
    stage.services[host.name] = Service(
        start, server.kill, lambda: server.is_running, lambda: server.process_id
    )
    stage.at_end(server.kill)


def start_balancer(stage: Stage) -> None:
    folder = Path(tempfile.mkdtemp(prefix="df-"))  # the path of its socket must be short
    stage.leftovers.add("folder", str(folder))
    stage.at_end(lambda: shutil.rmtree(folder, ignore_errors=True))
    balancer = stage.balancer = Balancer(stage.hosts["balancer"], folder, stage.server_hosts())
    stage.at_end(lambda: shutil.copy(folder / "haproxy.log", stage.folder))
    stage.at_end(balancer.stop)
    balancer.start()
    stage.leftovers.add("process", str(balancer.pid))


def _own_folder(stage: Stage, host: Host) -> Path:
    folder = stage.folder / host.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
