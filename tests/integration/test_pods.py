"""The Deployment of the overlay dev really runs: `podman play kube`, with its Secrets, limits and probes."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from testkit.ports import quiet_port
from testkit.postgres_server import PostgresServer, running_server
from tests.integration.behind_balancer import playing, reaches
from tests.integration.containers import HOGS
from tests.integration.deployment import Deployment, bytes_of, cores_of, values_of
from tests.integration.kubelet import ask
from tests.integration.podman import Podman
from tests.integration.podman_manifest import check, for_podman
from tests.integration.service_address import ServiceAddress
from tests.integration.through_balancer import wait_for_turns
from tests.manifests import rendered

POD = "dungeonfighter-pod-0"
CONTAINER = f"{POD}-server"
CGROUPS = "/sys/fs/cgroup"
KILLED = 128 + signal.SIGKILL
ACCESS = """
host all {user} all scram-sha-256
host all postgres 127.0.0.1/32 trust
"""


@pytest.fixture
def deployment() -> Deployment:
    return Deployment(rendered("overlays/dev"))


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """The database as the StatefulSet of the overlay has it: its user gets in with the password only."""
    overlay = rendered("overlays/dev")
    (container,) = overlay.one("StatefulSet", "postgres")["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    user, password = variables["POSTGRES_USER"], values_of(overlay.one("Secret", "postgres-password"))
    with running_server(access=ACCESS.format(user=user)) as server:
        server.order(
            f"create role {user} login password '{password['password']}'",
            f"create database {variables['POSTGRES_DB']} owner {user}",
        )
        yield server


class Played:
    """The pod of a Deployment in Podman.

    Attributes:
        url: The port of the game, as `kubectl port-forward` would give it.
    """

    def __init__(self, pods: Podman, deployment: Deployment) -> None:
        self._pods = pods
        self._deployment = deployment
        self._ports = {one["name"]: quiet_port() for one in deployment.container["ports"]}
        self.url = f"http://127.0.0.1:{self._ports['game']}"

    def start(self, addresses: dict[str, str]) -> None:
        """Make the Secrets and start the pod.

        Args:
            addresses: The address of each Service that the pod needs.
        """
        overlay = rendered("overlays/dev")
        for secret in overlay.of_kind("Secret"):
            self._pods.add_secret(secret["metadata"]["name"], values_of(secret))
        settings = [one for one in overlay.of_kind("ConfigMap") if "settings" in one["metadata"]["name"]]
        self._pods.play(*settings, for_podman(self._deployment, self._ports, addresses))

    def run(self, *words: str, is_checked: bool = True) -> str:
        """Run a command in the container, as `kubectl exec` does."""
        return self._pods.run("exec", CONTAINER, *words, is_checked=is_checked)

    def cores(self) -> float:
        """Return the limit of CPU, by version 2 or 1 of the cgroups."""
        ask = "cat cpu.max || cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us"
        quota, period = self.run("sh", "-c", f"cd {CGROUPS}; {ask}").split()
        return int(quota) / int(period)

    def memory(self, name: str, former: str) -> int:
        """Return a figure of memory in bytes, by its name in version 2 or in version 1."""
        ask = f"cat {name} || cat memory/memory.{former}_in_bytes"
        return int(self.run("sh", "-c", f"cd {CGROUPS}; {ask}"))

    def make_token(self, fleet: str) -> str:
        """Make a token by the command of docs/kubernetes.md."""
        return self.run("dungeonfighter", "token", "create", "--fleet", fleet).split()[-1]

    async def is_up(self, kind: str) -> bool:
        """Return what a probe of the Deployment finds out."""
        probe = self._deployment.probe(kind)
        return await ask(probe, "127.0.0.1", self._ports["admin"])

    async def becomes_ready(self) -> None:
        async with asyncio.timeout(60):
            while not await self.is_up("readiness"):  # noqa: ASYNC110 (it asks another program)
                await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def played(pods: Podman, deployment: Deployment, postgres: PostgresServer) -> AsyncIterator[Played]:
    """Run the pod of the Deployment until the end of the block; it waits for its database at first."""
    pod = Played(pods, deployment)
    database = ServiceAddress(postgres.port)
    database.set(["127.0.0.1"])
    try:
        gateway = await asyncio.to_thread(lambda: pods.gateway)
        await asyncio.to_thread(pod.start, {"postgres": gateway})
        await reaches(lambda: "waiting for the store" in pods.logs(CONTAINER))
        assert await pod.is_up("startup")
        assert not await pod.is_up("readiness")
        async with database.serving(gateway, 5432):
            await pod.becomes_ready()
            yield pod
            assert "Traceback" not in pods.logs(CONTAINER)
    except BaseException:
        print(pods.logs(CONTAINER))
        raise
    finally:
        await asyncio.to_thread(pods.remove_all)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_50_bots_play_in_a_pod_within_its_limits_and_after_its_end(
    pods: Podman, deployment: Deployment, postgres: PostgresServer
) -> None:
    async with played(pods, deployment, postgres) as pod:
        await asyncio.to_thread(check_container, pod, deployment)
        token = await asyncio.to_thread(pod.make_token, "team-a")
        async with playing(pod.url, 50, token=token) as tally:
            await wait_for_turns(tally, 200)

            await asyncio.to_thread(pods.run, "exec", "--detach", CONTAINER, "python3", "-c", HOGS)
            await reaches(lambda: pods.inspect(CONTAINER, "{{.RestartCount}}") == "1")
            assert await asyncio.to_thread(pods.exit_codes, CONTAINER) == [KILLED]
            await pod.becomes_ready()
            await wait_for_turns(tally, tally.turns + 200)
            assert await pod.is_up("liveness")

            # Not `pod stop`: Podman 4.3 takes the network away first, which the kubelet keeps to the end.
            grace = f"{deployment.grace_seconds:.0f}"
            await asyncio.to_thread(pods.run, "stop", "--time", grace, CONTAINER)
            assert await asyncio.to_thread(pods.exit_codes, CONTAINER) == [KILLED, 0]
            await asyncio.to_thread(pods.run, "start", CONTAINER)
            await pod.becomes_ready()
            await wait_for_turns(tally, tally.turns + 200)


def check_container(pod: Played, deployment: Deployment) -> None:
    """Check inside of the container what the Deployment demands of it."""
    resources = deployment.container["resources"]
    assert pod.cores() == cores_of(resources["limits"]["cpu"])
    assert pod.memory("memory.max", "limit") == bytes_of(resources["limits"]["memory"])
    assert pod.memory("memory.low", "soft_limit") == bytes_of(resources["requests"]["memory"])
    facts = dict(line.split(":\t", 1) for line in pod.run("cat", "/proc/1/status").splitlines())
    assert set(facts["Uid"].split()) == {"10001"}
    assert {facts[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")
    for place in ("/", "/etc", "/run/secrets/database", "/usr/local/lib/dungeonfighter"):
        assert "Read-only" in pod.run("touch", f"{place}/x", is_checked=False), place
    pod.run("touch", "/tmp/x")
    assert pod.run("printenv", "INSTANCE_ID").strip() == POD


def test_a_field_that_podman_may_ignore_is_named(deployment: Deployment) -> None:
    check(deployment.manifest)
    changed = copy.deepcopy(deployment.manifest)
    changed["spec"]["template"]["spec"]["hostNetwork"] = True
    with pytest.raises(AssertionError, match="hostNetwork"):
        check(changed)
    del deployment.container["lifecycle"]
    with pytest.raises(AssertionError, match="lifecycle"):
        check(deployment.manifest)
