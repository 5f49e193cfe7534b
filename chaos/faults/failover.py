"""Fail-overs: the primary ends, its standby is promoted, and the former one returns as a standby."""

from __future__ import annotations

import random
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from chaos import former, replication
from chaos.faults.fault import Fault, FaultError, Options
from chaos.hosts import Host
from chaos.packet_rules import PacketRules
from chaos.stage import Stage

_LAG_SECONDS_MAX: Final = 20.0
_TIMELINE: Final = "select left(pg_walfile_name(pg_current_wal_lsn()), 8)"
_FOLLOWERS: Final = "select application_name, sync_state from pg_stat_replication where state = 'streaming'"


class FailOverOptions(Options, frozen=True):
    """The options of `FailOver`.

    Attributes:
        machine: With the primary its machine is `gone`: no packet comes from it any more, not even a refusal.
        lacking: The standby is cut off first, and the primary is killed after so many further writes.
    """

    machine: Literal["there", "gone"] = "there"
    lacking: Annotated[int, Meta(ge=0, le=100_000)] = 0


class FailOver(Fault):
    """Kills the primary with SIGKILL; its standby is promoted at the end."""

    name = "fail-over"
    Options: ClassVar[type[Options]] = FailOverOptions

    def __init__(self, stage: Stage, options: FailOverOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._is_machine_gone = options.machine == "gone"
        self._least = options.lacking
        self._rules: PacketRules
        self._former: Host
        self._successor: Host
        self._promoted: former.Positions = {}
        self._begun = self._is_over = False

    def begin(self) -> None:
        stage, self._former = self.stage, self.stage.primary_host
        self._begun = True
        if self._least:
            standby = stage.standby_host
            assert standby is not None
            replication.stop_receiving(stage, standby)
            goal = replication.writes(stage, standby) + self._least
            stage.until(
                lambda: replication.writes(stage, self._former) >= goal,
                _LAG_SECONDS_MAX, f"{self._former} does not get ahead of {standby}",
            )  # fmt: skip
        if self._is_machine_gone:
            arriving, leaving = (f"{word} != lo counter drop" for word in ("iifname", "oifname"))
            self._rules = PacketRules(self._former, [arriving], [leaving])
            self._rules.add()
        stage.primary.kill()

    def end(self) -> None:
        if self._is_over or not self._begun:
            return
        self._is_over = True
        standby = self.stage.standby_host
        assert standby is not None
        replication.wait_until_applied(self.stage, standby)
        if self._least:
            self._promoted = former.positions(self.stage, standby)
        self.stage.promote()
        self._successor = self.stage.primary_host

    def evidence(self) -> str:
        shown = f"{self._former} was killed and {self._successor} promoted"
        if self._is_machine_gone:
            dropped = sum(self._rules.remove())
            shown += f", {dropped} packets were dropped"
            if not dropped:
                raise FaultError(shown)
        if not self._least:
            return shown
        found = former.lacking(self.stage, self._former, self._promoted)
        if not found.turns():
            raise FaultError(f"{self.stage.primary_host} lacks nothing")
        return f"{shown}; it lacks {found.turns()} turns of {len(found.bots())} bots"


class Switchover(Fault):
    """Stops the primary in good order and promotes its standby; at the end the former primary follows it."""

    name = "switchover"

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._former: Host
        self._successor: Host
        self._begun = self._is_over = False

    def begin(self) -> None:
        stage, self._former = self.stage, self.stage.primary_host
        self._begun = True
        with self._former.entered():
            stage.primary.stop()

    def end(self) -> None:
        if self._is_over or not self._begun:
            return
        self._is_over = True
        stage, standby = self.stage, self.stage.standby_host
        assert standby is not None
        replication.wait_until_applied(stage, standby)
        stage.promote()
        self._successor = stage.primary_host
        self._timeline = int(str(replication.value(stage, self._successor, _TIMELINE)), 16)

    def evidence(self) -> str:
        return f"{self._former} was stopped and {self._successor} promoted on timeline {self._timeline}"


class RejoinOptions(Options, frozen=True):
    """The options of `Rejoin`.

    Attributes:
        after: How the former primary ended: by a `stop` in good order, or a `kill`.
    """

    after: Literal["stop", "kill"] = "stop"


class Rejoin(Fault):
    """Lets the stopped or killed former primary follow the present one, by `pg_rewind`."""

    name = "rejoin"
    Options: ClassVar[type[Options]] = RejoinOptions

    def __init__(self, stage: Stage, options: RejoinOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._seen = ""
        self._was_killed = options.after == "kill"

    def begin(self) -> None:
        stage, host = self.stage, self.stage.standby_host
        assert host is not None
        if self._was_killed:
            replication.recover(stage, host)
        replication.follow(stage, host, synchronously=stage.plan.replication == "synchronous")
        ((name, state),) = stage.query(stage.primary_host, _FOLLOWERS)
        self._seen = f"{name} follows {stage.primary_host} ({state})"

    def end(self) -> None:
        """Do no more: the standby is back when the fault has begun."""

    def evidence(self) -> str:
        return self._seen


FAULTS: Final = (FailOver, Rejoin, Switchover)
