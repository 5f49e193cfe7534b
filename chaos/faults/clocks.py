"""Clocks that jump: libfaketime gives programs another date, and leaves the monotonic clock alone."""

from __future__ import annotations

import email.utils
import http.client
import random
import time
from pathlib import Path
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chaos.faults.fault import Fault, FaultError, OnHosts, Options
from chaos.hosts import Host
from chaos.stage import Stage

_OWN_MEMORY: Final = (
    "unshare", "--mount", "--propagation", "private",
    "sh", "-c", 'mount -t tmpfs memory /dev/shm && exec env "$@"', "sh",
)  # fmt: skip
"""The library leaves files in /dev/shm, which here end with the server."""
_SETTINGS: Final = (
    "FAKETIME_DONT_FAKE_MONOTONIC=1", "FAKETIME_CACHE_DURATION=1", "NO_FAKE_STAT=1",
    "FAKETIME_FORCE_MONOTONIC_FIX=0",  # with 1, threads of Python wait for their lock for many seconds
)  # fmt: skip
_LIBRARIES: Final = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib*/faketime/libfaketimeMT.so.1")
_DAY: Final = 86_400
_JUMP_SECONDS_MAX: Final = 20.0
_SAME_SECONDS: Final = 10.0


class JumpOptions(OnHosts, frozen=True):
    """The servers, and by how many seconds their clocks jump."""

    seconds: Annotated[int, Meta(ge=-30 * _DAY, le=30 * _DAY)]


class ClockJump(Fault):
    """Lets the clocks of servers jump, and sets them right at the end."""

    name = "clock-jump"
    Options: ClassVar[type[Options]] = JumpOptions

    def __init__(self, stage: Stage, options: JumpOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._seconds = options.seconds
        self._hosts: list[Host] = []
        self._seen: dict[str, float] = {}

    @classmethod
    def obstacle(cls) -> str:
        return "" if _library() else "faketime is missing; .ci/parts/faketime installs it"

    def prepare(self) -> None:
        self._hosts = self.stage.named(self._words, self.draws)
        for host in self._hosts:
            self._set(host, 0)
            variables = (f"LD_PRELOAD={_library()}", f"FAKETIME_TIMESTAMP_FILE={self._file(host)}")
            self.stage.wrappers[host.name] = [*_OWN_MEMORY, *variables, *_SETTINGS]

    def begin(self) -> None:
        for host in self._hosts:
            self._set(host, self._seconds)
        for host in self._hosts:
            self._wait_for(host, self._seconds)
            self._seen[host.name] = _ahead(host, self.stage)

    def end(self) -> None:
        hosts, self._hosts = self._hosts, []
        for host in hosts:
            self._set(host, 0)
        for host in hosts:
            self._wait_for(host, 0)

    def evidence(self) -> str:
        if not self._seen:
            raise FaultError("no clock was looked at")
        return ", ".join(
            f"the clock of {name} was {ahead:+,.0f} s ahead" for name, ahead in self._seen.items()
        )

    def _file(self, host: Host) -> Path:
        return self.stage.folder / f"clock-{host.name}"

    def _set(self, host: Host, seconds: int) -> None:
        """Write the offset; the file is replaced as a whole, because a server may read it at any moment."""
        written = self._file(host).with_suffix(".new")
        written.write_text(f"{seconds:+d}\n", encoding="utf-8")
        written.replace(self._file(host))

    def _wait_for(self, host: Host, seconds: int) -> None:
        self.stage.until(
            lambda: abs(_ahead(host, self.stage) - seconds) < _SAME_SECONDS,
            _JUMP_SECONDS_MAX, f"the clock of {host} does not jump",
        )  # fmt: skip


def _ahead(host: Host, stage: Stage) -> float:
    """Return by how many seconds the clock of a server is ahead of that of this process."""

    def ask() -> str:
        connection = http.client.HTTPConnection(host.address, stage.port_of(host), timeout=5)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().headers["Date"]
        finally:
            connection.close()

    return email.utils.parsedate_to_datetime(host.call(ask)).timestamp() - time.time()


def _library() -> str:
    found = [str(path) for pattern in _LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else ""


FAULTS: Final = (ClockJump,)
