"""Commits that a primary wrote and its standby never got: they are visible after a crash of the primary."""

from __future__ import annotations

import random
from typing import ClassVar, Final

from chaos import former, replication
from chaos.faults.fault import Fault, FaultError, OnHosts, Options
from chaos.faults.standby import wait_for_waiting_commits
from chaos.hosts import Host
from chaos.packet_rules import PacketRules
from chaos.stage import Stage


class CrashUnreplicated(Fault):
    """Cuts the line to the standby, and kills a server and the primary while commits wait; both start anew.

    PostgreSQL then shows these commits, although the standby lacks them. At the end the primary is gone, and
    the standby is promoted.
    """

    name = "crash-unreplicated"
    Options: ClassVar[type[Options]] = OnHosts

    def __init__(self, stage: Stage, options: OnHosts, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._former: Host
        self._rules: PacketRules
        self._promoted: former.Positions = {}
        self._begun = self._is_over = False

    def begin(self) -> None:
        stage, self._former, standby = self.stage, self.stage.primary_host, self.stage.standby_host
        assert standby is not None
        address = self._former.address
        self._rules = PacketRules(
            standby, [f"ip saddr {address} counter drop"], [f"ip daddr {address} counter drop"]
        )
        self._rules.add()
        self._begun = True
        killed = stage.named(self._words, self.draws)
        for host in killed:
            wait_for_waiting_commits(stage, host.address)
            stage.service(host).kill()
        stage.primary.kill()
        stage.service(self._former).start()
        stage.together([stage.service(host).start for host in killed])

    def end(self) -> None:
        if self._is_over or not self._begun:
            return
        self._is_over = True
        stage, standby = self.stage, self.stage.standby_host
        assert standby is not None
        stage.primary.kill()
        replication.wait_until_applied(stage, standby)
        self._promoted = former.positions(stage, standby)
        stage.promote()
        self._rules.remove()

    def evidence(self) -> str:
        found = former.lacking(self.stage, self._former, self._promoted)
        if not found.bots():
            raise FaultError("the promoted server lacks no commit")
        return f"{self.stage.primary_host} never got the last commits of {len(found.bots())} bots"


FAULTS: Final = (CrashUnreplicated,)
