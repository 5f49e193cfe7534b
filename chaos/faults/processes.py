"""Processes that are killed, also those of the primary, after which the standby is promoted."""

from __future__ import annotations

import random
from typing import ClassVar, Final

from chaos.faults.fault import Fault, FaultError, OnHosts, Options
from chaos.hosts import Host
from chaos.stage import Stage


class KillProcess(Fault):
    """Kills what runs on the hosts with SIGKILL; it starts anew at the end."""

    name = "kill-process"
    Options: ClassVar[type[Options]] = OnHosts

    def __init__(self, stage: Stage, options: OnHosts, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._hosts: list[Host] = []
        self._before: dict[str, int] = {}
        self._gone: dict[str, bool] = {}
        self._is_over = False

    def begin(self) -> None:
        self._hosts = self.stage.named(self._words, self.draws)
        for host in self._hosts:
            service = self.stage.service(host)
            self._before[host.name] = service.pid()
            service.kill()
            self._gone[host.name] = not service.runs()

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.stage.together([self.stage.service(host).start for host in self._hosts])

    def evidence(self) -> str:
        shown = []
        for host in self._hosts:
            before, now = self._before[host.name], self.stage.service(host).pid()
            if not self._gone[host.name] or before == now:
                raise FaultError(f"{host} was not killed: process {before} before, {now} after")
            shown.append(f"{host}: process {before} killed, {now} since")
        return "; ".join(shown)


class KillPrimary(Fault):
    """Kills the primary database with SIGKILL; its standby is promoted at the end."""

    name = "kill-primary"

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._former = ""
        self._promoted = ""

    def begin(self) -> None:
        self._former = self.stage.primary_host.name
        self.stage.primary.kill()

    def end(self) -> None:
        if not self._promoted:
            self.stage.promote()
            self._promoted = self.stage.primary_host.name

    def evidence(self) -> str:
        timelines = self.stage.query(
            self.stage.primary_host, "select left(pg_walfile_name(pg_current_wal_lsn()), 8)"
        )
        if self._promoted == self._former or self.stage.databases[self._former].is_running:
            raise FaultError(f"{self._former} was not killed")
        return f"{self._former} killed, {self._promoted} promoted (timeline {int(timelines[0][0], 16)})"


FAULTS: Final = (KillProcess, KillPrimary)
