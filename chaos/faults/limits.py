"""Limits of memory and of processor time, set by the kernel's control groups."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator
from functools import partial
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chaos.cgroups import Group
from chaos.faults.fault import Fault, FaultError, HostWord, OnHosts, Options
from chaos.hosts import Host
from chaos.stage import Stage

_MEGABYTE: Final = 1 << 20
_BODY: Final = bytes(_MEGABYTE - 1000)
_REQUEST: Final = (
    b"POST /mcp HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
)
_SEND_SECONDS: Final = 2.0
_KILLED_SECONDS_MAX: Final = 20.0


class MemoryOptions(OnHosts, frozen=True):
    """The servers, and what each may use in addition to what it has."""

    megabytes: Annotated[int, Meta(ge=1, le=512)] = 24


class CpuOptions(Options, frozen=True):
    """The hosts, and the cores that the processes of each may use."""

    on: Annotated[list[HostWord], Meta(min_length=1)]
    cores: Annotated[float, Meta(gt=0, le=8)] = 0.1


class MemoryLimit(Fault):
    """Limits the memory of servers, and sends them large requests until the kernel kills them."""

    name = "memory-limit"
    Options: ClassVar[type[Options]] = MemoryOptions

    def __init__(self, stage: Stage, options: MemoryOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._size = options.megabytes * _MEGABYTE
        self._hosts: list[Host] = []
        self._kills: dict[str, int] = {}

    @classmethod
    def obstacle(cls) -> str:
        return Group.obstacle("memory")

    def begin(self) -> None:
        self._hosts = self.stage.named(self._words, self.draws)
        self.stage.together([partial(self._use_up, host) for host in self._hosts])

    def _use_up(self, host: Host) -> None:
        service = self.stage.service(host)
        with _group(self.stage, "memory", host) as group:
            group.limit_memory(self._size)
            group.add(service.pid())
            with contextlib.ExitStack() as open_requests:

                def is_killed() -> bool:
                    if service.runs():
                        with contextlib.suppress(OSError):
                            self._send_half(host, open_requests)
                    return not service.runs()

                self.stage.until(is_killed, _KILLED_SECONDS_MAX, f"the server on {host} is not killed")
            self._kills[host.name] = group.kills
            self.stage.until(lambda: not host.pids(), _KILLED_SECONDS_MAX, "its processes do not end")

    def _send_half(self, host: Host, open_requests: contextlib.ExitStack) -> None:
        """Send a request but for its last byte, so that the server has to keep it."""
        link = self.stage.hosts["balancer"].call(
            lambda: socket.create_connection((host.address, self.stage.port_of(host)), _SEND_SECONDS)
        )
        open_requests.callback(link.close)
        link.sendall(_REQUEST % (host.address.encode(), len(_BODY) + 1) + _BODY)

    def end(self) -> None:
        hosts, self._hosts = self._hosts, []
        self.stage.together([self.stage.service(host).start for host in hosts])

    def evidence(self) -> str:
        if not self._kills or not all(self._kills.values()):
            raise FaultError(f"kills of the kernel: {self._kills}")
        return ", ".join(
            f"{name}: the kernel killed {count} of its processes" for name, count in self._kills.items()
        )


class CpuQuota(Fault):
    """Lets all processes of a host together have only a part of a core."""

    name = "cpu-quota"
    Options: ClassVar[type[Options]] = CpuOptions

    def __init__(self, stage: Stage, options: CpuOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._cores = options.cores
        self._stack = contextlib.ExitStack()
        self._groups: dict[str, Group] = {}
        self._throttled: dict[str, int] = {}

    @classmethod
    def obstacle(cls) -> str:
        return Group.obstacle("cpu")

    def begin(self) -> None:
        for host in self.stage.named(self._words, self.draws):
            group = self._groups[host.name] = self._stack.enter_context(_group(self.stage, "cpu", host))
            group.limit_cpu(self._cores)
            for process in host.pids():
                with contextlib.suppress(OSError):  # it has ended
                    group.add(process)

    def end(self) -> None:
        for name, group in self._groups.items():
            self._throttled.setdefault(name, group.throttled)
        self._groups.clear()
        self._stack.close()

    def evidence(self) -> str:
        if not self._throttled or not all(self._throttled.values()):
            raise FaultError(f"periods in which processes waited: {self._throttled}")
        return ", ".join(f"{name} waited in {count} periods" for name, count in self._throttled.items())


@contextlib.contextmanager
def _group(stage: Stage, controller: str, host: Host) -> Iterator[Group]:
    """Make a group for a host, and remove it after the block."""
    group = Group(controller, f"chaos-{os.getpid()}-{host.name}")
    stage.leftovers.add("group", str(group.folder))
    group.make()
    try:
        yield group
    finally:
        group.remove()


FAULTS: Final = (MemoryLimit, CpuQuota)
