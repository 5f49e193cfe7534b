"""Rolling updates by the rendered Deployment: preStop, grace period, drain and readiness agree.

Bots come through HAProxy, which finds the pods by DNS and asks `/readyz`, and through the address of a
Service, which knows nothing but the endpoints. Here zero failed turns means that no call fails, not even
before it is repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from dungeonfighter import __version__
from dungeonfighter.fleet.tally import Tally
from testkit.dns_names import NAME, Names
from testkit.haproxy import Haproxy
from testkit.ports import quiet_port
from testkit.postgres_server import PostgresServer
from tests.integration.behind_balancer import Server, playing, reaches
from tests.integration.deployment import Deployment
from tests.integration.kubelet import Controller, Endpoints, Pod, Release
from tests.integration.service_address import ServiceAddress
from tests.integration.test_upgrades import next_release
from tests.integration.through_balancer import wait_for_turns
from tests.manifests import rendered

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
REPLICAS = 2
BOTS = 75
MIN_READY_SECONDS = 4
SPEED = 3.0
"""The shorter tests divide all times by it, which changes no order of events."""
SHORT_GRACE_SECONDS = 9
"""Longer than the hook, and shorter than the hook and the drain."""
STUCK_SECONDS = 4.0
"""In place of progressDeadlineSeconds."""
NEWCOMER_SECONDS = 0.05
DNS_SECONDS = 30.0
"""How long the DNS of a cluster may keep an answer; base/deployment.yaml reckons with it."""


class Cluster:
    """The pods of a Deployment over one database, and the readers of their endpoints.

    Args:
        folder: Gets a folder for each pod.
        deployment: What is deployed.
        database: Takes the place of the database that the overlay names.
    """

    def __init__(self, folder: Path, deployment: Deployment, database: str) -> None:
        self._folder = folder
        self._deployment = deployment
        self._database = database
        self._numbers = count(1)
        self.port, self.admin_port = quiet_port(), quiet_port()
        self.endpoints: list[Endpoints] = []
        self.controller = Controller(deployment, REPLICAS, self._make_pod, self.endpoints)

    def service(self, removal_seconds: float) -> ServiceAddress:
        """Return the address of a Service whose node hears of a removal so late."""
        service = ServiceAddress(self.port)
        self.endpoints.append(Endpoints(service.set, removal_seconds))
        return service

    def _make_pod(self, release: Release, changed: Callable[[Pod], None]) -> Pod:
        number = next(self._numbers)
        name = f"dungeonfighter-{number}"
        folder = self._folder / name
        folder.mkdir()
        address = f"127.0.0.{10 + number}"
        environ = {
            **self._environment(name, folder),
            "ADMIN_LISTEN": f"{address}:{self.admin_port}",
            "REDIS_CONNECTION_STRING": "",
            **dict(release.changed),
        }
        server = Server(folder, source=release.source, environ=environ, address=(address, self.port))
        return Pod(self._deployment, server, self.admin_port, release, changed)

    def _environment(self, name: str, folder: Path) -> dict[str, str]:
        """Return the variables of the Deployment, with the files of Secrets below a folder."""
        environ = self._deployment.environment(name)
        for path, text in self._deployment.secret_files().items():
            (variable,) = (key for key, value in environ.items() if value == path)
            environ[variable] = str(folder / Path(path).name)
            Path(environ[variable]).write_text(self._database if variable.startswith("DB_") else text)
        return environ


@contextlib.asynccontextmanager
async def cluster(folder: Path, deployment: Deployment, database: str) -> AsyncIterator[Cluster]:
    made = Cluster(folder, deployment, database)
    async with made.controller.watching():
        yield made


async def deployed(pods: Cluster, release: Release, database: str) -> str:
    """Start the pods of a release; return an access token."""
    token, is_done = await asyncio.gather(make_token(database), pods.controller.roll_out(release))
    assert is_done
    return token


async def make_token(database: str) -> str:
    words = ["-m", "dungeonfighter", "token", "create", "--fleet", "team-a", "--db", database]
    made = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    shown, _ = await made.communicate()
    return shown.decode().split()[-1]


async def test_no_call_fails_in_a_rolling_update_however_late_addresses_are_removed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """All times but minReadySeconds are those of the Deployment. New addresses are known at once here."""
    deployment = dev_with(MIN_READY_SECONDS)
    newer = Release(next_release(tmp_path / "0.2.0", oldest=__version__))
    database = postgres.empty_database("games")
    async with cluster(tmp_path, deployment, database) as pods, contextlib.AsyncExitStack() as stack:
        early, late = pods.service(0.4 * deployment.pre_stop_seconds), pods.service(late_seconds(deployment))
        names = stack.enter_context(Names(tmp_path).serving([]))
        pods.endpoints.append(Endpoints(names.set, DNS_SECONDS))
        token = await deployed(pods, Release(), database)
        for service in (early, late):
            await stack.enter_async_context(service.serving())
        front = stack.enter_context(haproxy(tmp_path, pods, names))
        refused = [
            await stack.enter_async_context(newcomers(one.port, token)) for one in (early, late, front)
        ]
        tallies = [
            await stack.enter_async_context(playing(url, BOTS, token=token, prefix=prefix))
            for prefix, url in (("early", early.url), ("late", late.url), ("haproxy", front.url))
        ]
        await all_play(tallies)
        assert await pods.controller.roll_out(newer)
        await pods.controller.all_ended()
        await all_play(tallies)
    ended = pods.controller.deleted
    assert [(pod.exit_code, pod.was_killed) for pod in ended] == [(0, False)] * REPLICAS
    assert refused == [[], [], []]
    assert [dict(tally.troubles) for tally in tallies] == [{}, {}, {}]


async def test_a_release_that_never_becomes_ready_stops_the_update_and_the_former_pods_play_on(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    deployment = dev_with(0, SPEED)
    broken = Release(
        changed=(("DB_CONNECTION_STRING_FILE", ""), ("DB_CONNECTION_STRING", "postgresql://x@127.0.0.1:1/x"))
    )
    database = postgres.empty_database("games")
    async with cluster(tmp_path, deployment, database) as pods, contextlib.AsyncExitStack() as stack:
        service = pods.service(0)
        token = await deployed(pods, Release(), database)
        await stack.enter_async_context(service.serving())
        refused = await stack.enter_async_context(newcomers(service.port, token))
        tally = await stack.enter_async_context(playing(service.url, BOTS, token=token))
        await all_play([tally])
        assert not await pods.controller.roll_out(broken, STUCK_SECONDS)
        assert [pod.is_ready for pod in pods.controller.pods] == [True] * REPLICAS + [False]
        assert not pods.controller.deleted
        await all_play([tally])
        assert await pods.controller.roll_out(Release())
        await pods.controller.all_ended()
        (taken_back,) = pods.controller.deleted
    assert (taken_back.release, taken_back.was_killed) == (broken, False)
    assert (refused, dict(tally.troubles)) == ([], {})


@pytest.mark.parametrize("missing", ["hook", "drain"])
async def test_each_of_hook_and_drain_is_needed_where_an_address_is_removed_late(
    tmp_path: Path, postgres: PostgresServer, missing: str
) -> None:
    deployment = dev_with(0, SPEED)
    removal_seconds = late_seconds(deployment)
    if missing == "hook":
        del deployment.container["lifecycle"]
    release = Release(changed=(("DRAIN_SECONDS", "0"),) if missing == "drain" else ())
    database = postgres.empty_database("games")
    async with cluster(tmp_path, deployment, database) as pods, contextlib.AsyncExitStack() as stack:
        service = pods.service(removal_seconds)
        token = await deployed(pods, release, database)
        await stack.enter_async_context(service.serving())
        refused = await stack.enter_async_context(newcomers(service.port, token))
        pods.controller.delete(pods.controller.pods[0])
        await reaches(lambda: len(service.addresses) < REPLICAS)
        await pods.controller.all_ended()
    assert refused


async def test_a_grace_period_that_is_too_short_loses_no_turn(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    deployment = dev_with(0, SPEED)
    deployment.pod["terminationGracePeriodSeconds"] = SHORT_GRACE_SECONDS
    database = postgres.empty_database("games")
    async with cluster(tmp_path, deployment, database) as pods:
        service = pods.service(0)
        token = await deployed(pods, Release(), database)
        async with service.serving(), playing(service.url, BOTS, token=token) as tally:
            await all_play([tally])
            pods.controller.delete(pods.controller.pods[0])
            await pods.controller.all_ended()
            await all_play([tally])
        (ended,) = pods.controller.deleted
    assert (ended.exit_code, ended.was_killed) == (-signal.SIGKILL, True)


def late_seconds(deployment: Deployment) -> float:
    """Return a time after the deletion of a pod that neither the hook nor the drain alone would cover."""
    hook, drain = deployment.pre_stop_seconds, deployment.drain_seconds
    return max(hook, drain) + 0.6 * min(hook, drain)


def dev_with(min_ready_seconds: float, speed: float = 1) -> Deployment:
    """Return the Deployment of the overlay dev with another minReadySeconds."""
    deployment = Deployment(rendered("overlays/dev"), speed)
    deployment.manifest["spec"]["minReadySeconds"] = min_ready_seconds
    return deployment


def haproxy(folder: Path, pods: Cluster, names: Names) -> Haproxy:
    return Haproxy(
        folder, "servers-by-name.cfg", SERVERS=f"{NAME}:{pods.port}", DNS=names.address,
        CHECK_PORT=str(pods.admin_port), SERVERS_MAX="12",
    )  # fmt: skip


@contextlib.asynccontextmanager
async def newcomers(port: int, token: str) -> AsyncIterator[list[str]]:
    """Let new bots begin to play until the end of the block, each over a connection of its own.

    Yields:
        What those were answered that could not begin.
    """
    failures: list[str] = []

    async def begin(bot: str) -> None:
        answer = await call(port, bot, token)
        if not answer.startswith("HTTP/1.1 200 ") or '"isError":false' not in answer:
            failures.append(answer)

    async def come() -> None:
        for number in count():
            group.create_task(begin(f"new-{port}-{number}"))
            await asyncio.sleep(NEWCOMER_SECONDS)

    async with asyncio.TaskGroup() as group:
        coming = group.create_task(come())
        yield failures
        coming.cancel()


async def call(port: int, bot: str, token: str) -> str:
    """Begin a run over a new connection; return the answer, or the error in its place."""
    params = {"name": "start_new_game", "arguments": {}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    head = (
        f"POST /bots/{bot}/mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("localhost", port)
        with contextlib.closing(writer):
            writer.write(f"{head}{body}".encode())
            return (await reader.read()).decode() or "closed"
    except OSError as error:
        return repr(error)


async def all_play(tallies: Sequence[Tally]) -> None:
    """Wait until the bots have played some turns each."""
    await asyncio.gather(*(wait_for_turns(tally, tally.turns + 2 * BOTS) for tally in tallies))
