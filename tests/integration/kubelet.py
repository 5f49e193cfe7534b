"""Plays the parts of Kubernetes in a rolling update: kubelet, controller of the Deployment, endpoints.

The pods are server processes, each at a loopback address of its own. All else is read from the rendered
Deployment: probes, hook, grace period, and how many pods may come and go at once. The order of events is
that of Kubernetes: when a pod is deleted, its hook begins at once, and beside it the removal of its address
from the endpoints; neither waits for the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from testkit.server_process import ROOT
from tests.integration.behind_balancer import Server
from tests.integration.deployment import Deployment, Probe

SECONDS_MAX = 60.0


class Release(NamedTuple):
    """A release as pods run it: its sources, and variables that differ from those of the Deployment."""

    source: Path = ROOT / "src"
    changed: tuple[tuple[str, str], ...] = ()


class Pod:
    """One pod: a server process that is probed, and ended as the kubelet ends a pod.

    Where the kubelet would restart the container, `live` fails the test.

    Args:
        deployment: Has the probes, the hook and the grace period.
        server: The process, not yet started.
        probe_port: The port of the probes.
        release: The release that it runs.
        changed: Called when the pod becomes ready, available or unready, and when its deletion begins.

    Attributes:
        is_ready: The last probe of readiness succeeded.
        is_available: The pod was ready for `minReadySeconds`.
        exit_code: The exit code of the server when it has ended.
        was_killed: The grace period was over before the server had ended.
    """

    def __init__(
        self, deployment: Deployment, server: Server, probe_port: int, release: Release,
        changed: Callable[[Pod], None],
    ) -> None:  # fmt: skip
        self._deployment = deployment
        self._server = server
        self._probe_port = probe_port
        self._changed = changed
        self.release = release
        self.is_ready = self.is_available = self.is_terminating = self.was_killed = False
        self.exit_code: int | None = None

    @property
    def address(self) -> str:
        return self._server.host

    async def live(self) -> None:
        """Start the server and ask its probes until it is cancelled."""
        await asyncio.to_thread(self._server.launch)
        await self._reach(self._deployment.probe("startup"), is_success=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_readiness())
            group.create_task(self._watch_liveness())

    async def terminate(self) -> None:
        """End the server: hook, SIGTERM, and SIGKILL at the end of the grace period."""
        self.is_terminating = True
        self._changed(self)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deployment.grace_seconds
        await asyncio.sleep(self._deployment.pre_stop_seconds)
        self._server.signal(signal.SIGTERM)
        waiting = asyncio.create_task(asyncio.to_thread(self._server.wait))
        await asyncio.wait([waiting], timeout=deadline - loop.time())
        self.was_killed = not waiting.done()
        self._server.signal(signal.SIGKILL)
        self.exit_code = await waiting
        self.kill()

    def kill(self) -> None:
        self._server.kill()

    async def _watch_readiness(self) -> None:
        probe = self._deployment.probe("readiness")
        while True:
            await self._reach(probe, is_success=True)
            self.is_ready = True
            becoming = asyncio.create_task(self._become_available())
            self._changed(self)
            await self._reach(probe, is_success=False)
            becoming.cancel()
            self.is_ready = self.is_available = False
            self._changed(self)

    async def _become_available(self) -> None:
        await asyncio.sleep(self._deployment.min_ready_seconds)
        self.is_available = True
        self._changed(self)

    async def _watch_liveness(self) -> None:
        await self._reach(self._deployment.probe("liveness"), is_success=False)
        assert self.is_terminating, f"{self.address} does not live"

    async def _reach(self, probe: Probe, *, is_success: bool) -> None:
        """Return after as many successes, or failures, in a row as the probe says."""
        times = probe.successes_min if is_success else probe.failures_max
        found = 0
        while found < times:
            assert self.is_terminating or not self._server.has_ended(), self._server.log.read_text()
            answer = await ask(probe, self.address, self._probe_port)
            found = found + 1 if answer == is_success else 0
            if found < times:
                await asyncio.sleep(probe.period)


async def ask(probe: Probe, address: str, port: int) -> bool:
    """Return True if a server answers a probe with success, in time."""
    request = f"GET {probe.path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(probe.timeout):
            reader, writer = await asyncio.open_connection(address, port)
            with contextlib.closing(writer):
                writer.write(request.encode())
                line = await reader.readline()
    except (OSError, TimeoutError):
        return False
    return line.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))


class Endpoints:
    """The addresses of ready pods, as one of their readers knows them.

    Args:
        publish: Gives the reader all addresses.
        removal_seconds: The time from the deletion of a pod, or from its failed probes, until the reader
            knows. A new address is known at once.
    """

    def __init__(self, publish: Callable[[Sequence[str]], None], removal_seconds: float) -> None:
        self._publish = publish
        self._removal_seconds = removal_seconds
        self._addresses: list[str] = []

    def update(self, pod: Pod) -> None:
        if pod.is_terminating or not pod.is_ready:
            asyncio.get_running_loop().call_later(self._removal_seconds, self._remove, pod)
        elif pod.address not in self._addresses:
            self._addresses.append(pod.address)
            self._publish(self._addresses)

    def _remove(self, pod: Pod) -> None:
        if pod.address in self._addresses and (pod.is_terminating or not pod.is_ready):
            self._addresses.remove(pod.address)
            self._publish(self._addresses)


class Controller:
    """Brings the pods of a Deployment to a release, as its rolling update allows.

    Args:
        deployment: Says how many pods may come and go at once.
        replicas: The wanted number of pods.
        make: Makes a new pod, which calls the given function whenever it has changed.
        endpoints: All readers of addresses.
    """

    def __init__(
        self, deployment: Deployment, replicas: int, make: Callable[[Release, Callable[[Pod], None]], Pod],
        endpoints: Sequence[Endpoints],
    ) -> None:  # fmt: skip
        self._replicas = replicas
        self._surge, self._unavailable = deployment.surge_and_unavailable(replicas)
        self._make = make
        self._endpoints = endpoints
        self._news = asyncio.Event()
        self._group: asyncio.TaskGroup
        self._lives: dict[Pod, asyncio.Task[None]] = {}
        self.pods: list[Pod] = []
        """The pods that are not being deleted."""
        self.deleted: list[Pod] = []

    def available(self, release: Release) -> int:
        """Return how many pods of a release are available and stay."""
        return sum(pod.is_available for pod in self.pods if pod.release == release)

    async def roll_out(self, release: Release, seconds: float = SECONDS_MAX) -> bool:
        """Replace the pods of other releases. Deleted pods may still be ending when this returns.

        Returns:
            False if nothing has changed for so many seconds.
        """
        while self.available(release) < self._replicas or len(self.pods) > self._replicas:
            self._news.clear()
            self._reconcile(release)
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                return False
        return True

    def delete(self, pod: Pod) -> None:
        """Begin to end a pod."""
        self.pods.remove(pod)
        self.deleted.append(pod)
        self._group.create_task(self._end(pod))

    async def all_ended(self) -> None:
        """Wait until all deleted pods have ended."""
        while any(pod.exit_code is None for pod in self.deleted):
            self._news.clear()
            await self._news.wait()

    def _reconcile(self, release: Release) -> None:
        """Create and delete as many pods as the strategy allows now; unready former pods go first."""
        former = [pod for pod in self.pods if pod.release != release]
        missing = self._replicas - (len(self.pods) - len(former))
        for _ in range(min(missing, self._replicas + self._surge - len(self.pods))):
            pod = self._make(release, self._changed)
            self.pods.append(pod)
            self._lives[pod] = self._group.create_task(pod.live())
        spare = sum(pod.is_available for pod in self.pods) - (self._replicas - self._unavailable)
        for pod in sorted(former, key=lambda one: one.is_available):
            if pod.is_available and spare <= 0:
                break
            spare -= pod.is_available
            self.delete(pod)

    async def _end(self, pod: Pod) -> None:
        await pod.terminate()
        self._lives[pod].cancel()
        self._news.set()

    def _changed(self, pod: Pod) -> None:
        self._news.set()
        for one in self._endpoints:
            one.update(pod)

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Watch over pods until the end of the block, and kill them then."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                yield
                for life in self._lives.values():
                    life.cancel()
        finally:
            for pod in self._lives:
                pod.kill()
