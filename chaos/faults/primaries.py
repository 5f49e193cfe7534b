"""Two primaries for a moment: the former one is cut off, but not from all of its clients."""

from __future__ import annotations

import random
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chaos import former, replication
from chaos.faults.fault import Fault, FaultError, HostWord, Options
from chaos.hosts import Host
from chaos.packet_rules import PacketRules
from chaos.stage import Stage

_TAKE_OVER_SECONDS_MAX: Final = 40.0


class TwoPrimariesOptions(Options, frozen=True):
    """The options of `TwoPrimaries`.

    Attributes:
        stay: The hosts that still reach the former primary; all others do not.
    """

    stay: Annotated[list[HostWord], Meta(min_length=1)]


class TwoPrimaries(Fault):
    """Cuts the primary off from its standby and from some servers, and promotes the standby.

    From then on both accept clients. At the end the former primary is killed, as an operator fences it.
    """

    name = "two-primaries"
    Options: ClassVar[type[Options]] = TwoPrimariesOptions

    def __init__(self, stage: Stage, options: TwoPrimariesOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._stay = stage.named(options.stay, draws)
        self._former: Host
        self._rules: PacketRules
        self._promoted: former.Positions = {}
        self._writes: dict[str, int] = {}
        self._waiting = self._dropped = 0
        self._begun = self._is_over = False

    def begin(self) -> None:
        stage, self._former = self.stage, self.stage.primary_host
        standby = stage.standby_host
        assert standby is not None
        self._begun = True
        self._rules = self._cutting()
        self._rules.add()
        replication.wait_until_applied(stage, standby)
        self._promoted = former.positions(stage, standby)
        self._writes = {host.name: -replication.writes(stage, host) for host in (self._former, standby)}
        stage.promote()
        taken_over = replication.writes(stage, standby) + 1
        stage.until(
            lambda: replication.writes(stage, standby) >= taken_over, _TAKE_OVER_SECONDS_MAX,
            f"no server writes to {standby}",
        )  # fmt: skip

    def end(self) -> None:
        if self._is_over or not self._begun:
            return
        self._is_over = True
        stage = self.stage
        for host in (self._former, stage.primary_host):
            self._writes[host.name] += replication.writes(stage, host)
        self._waiting = replication.waiting_commits(stage, self._former)
        stage.databases[self._former.name].kill()
        self._dropped = sum(self._rules.remove())

    def evidence(self) -> str:
        stage, promoted = self.stage, self.stage.primary_host
        by_former, by_promoted = self._writes[self._former.name], self._writes[promoted.name]
        shown = f"{self._dropped} packets dropped; {promoted} took {by_promoted} writes, {self._former} "
        if not self._dropped or not by_promoted:
            raise FaultError(f"{shown}{by_former}: they were no two primaries")
        if stage.plan.replication == "synchronous":
            if by_former or not self._waiting:
                raise FaultError(f"{shown}{by_former}, and {self._waiting} commits waited there")
            return f"{shown}none, and {self._waiting} commits waited there"
        found = former.lacking(stage, self._former, self._promoted)
        if not by_former or not found.turns():
            raise FaultError(f"{shown}{by_former}; the promoted one lacks {found.turns()} turns")
        return f"{shown}{by_former}; {promoted} lacks {found.turns()} turns of {len(found.bots())} bots"

    def _cutting(self) -> PacketRules:
        stay = ", ".join(host.address for host in self._stay)
        arriving = ["iifname lo accept", f"ip saddr {{ {stay} }} accept", "counter drop"]
        leaving = ["oifname lo accept", f"ip daddr {{ {stay} }} accept", "counter drop"]
        return PacketRules(self._former, arriving, leaving)


FAULTS: Final = (TwoPrimaries,)
