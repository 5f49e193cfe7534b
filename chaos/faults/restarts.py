"""Servers that are restarted in good order, one after the other."""

from __future__ import annotations

import random
from typing import Final

from chaos.faults.fault import Fault, FaultError, Options
from chaos.stage import Stage

_USED_SECONDS_MAX: Final = 20.0


class RollingRestart(Fault):
    """Ends each server with SIGTERM and starts it anew, as a release does; all are back when it has begun."""

    name = "rolling-restart"

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._codes: dict[str, int] = {}
        self._pids: dict[str, tuple[int, int]] = {}

    def begin(self) -> None:
        for host in self.stage.server_hosts():
            service, server = self.stage.service(host), self.stage.server_on(host)
            before = service.pid()
            self._codes[host.name] = server.terminate()
            self.stage.interruption.check()
            service.start()
            self._pids[host.name] = before, service.pid()
            self.stage.until(
                lambda name=host.name: name in self.stage.balancer.up(),  # type: ignore[misc]
                _USED_SECONDS_MAX, f"HAProxy does not use {host} after its restart",
            )  # fmt: skip

    def end(self) -> None:
        """Do no more: all servers are back."""

    def evidence(self) -> str:
        if any(self._codes.values()):
            raise FaultError(f"exit codes of the servers: {self._codes}")
        if any(before == after for before, after in self._pids.values()):
            raise FaultError(f"processes before and after: {self._pids}")
        return f"{len(self._codes)} servers ended with exit code 0 and came back as other processes"


FAULTS: Final = (RollingRestart,)
