"""Commits wait: the standby is killed or frozen, the primary is restarted, a server dies meanwhile."""

from __future__ import annotations

import random
from typing import ClassVar, Final, Literal

from chaos import replication
from chaos.faults.fault import Fault, FaultError, OnHosts, Options
from chaos.faults.freezing import Freeze
from chaos.stage import Stage

_WAIT_SECONDS_MAX: Final = 15.0
_STARTED: Final = "select pg_postmaster_start_time()::text"


class _Standby(Fault):
    """Stops the standby in some way, so that commits wait for it."""

    def __init__(self, stage: Stage, options: Options, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._waiting = 0
        self._is_there = False

    def begin(self) -> None:
        self._stop()
        self._is_there = True
        wait_for_waiting_commits(self.stage)

    def end(self) -> None:
        if not self._is_there:
            return
        self._is_there = False
        self._waiting = replication.waiting_commits(self.stage, self.stage.primary_host)
        self._return()
        replication.wait_until_followed(self.stage, synchronously=True)

    def evidence(self) -> str:
        if not self._waiting:
            raise FaultError("no commit waited for the standby")
        return f"{self._waiting} commits waited for {self.stage.standby_host}"

    def _stop(self) -> None:
        raise NotImplementedError

    def _return(self) -> None:
        raise NotImplementedError


class StopStandby(_Standby):
    """Kills the synchronous standby with SIGKILL; it starts at the end."""

    name = "stop-standby"

    def _stop(self) -> None:
        self.stage.standby.kill()

    def _return(self) -> None:
        assert self.stage.standby_host is not None
        self.stage.service(self.stage.standby_host).start()


class FreezeStandby(_Standby):
    """Stops all processes of the synchronous standby with SIGSTOP; they go on at the end."""

    name = "freeze-standby"

    def _stop(self) -> None:
        self._frozen = _freezing(self.stage, self.draws)
        self._frozen.begin()

    def _return(self) -> None:
        self._frozen.end()


class KillServerInCommit(Fault):
    """Kills a server of the game while the database has its commits and has not answered them.

    The commits wait because the standby is frozen. They end when the server is gone.
    """

    name = "kill-server-in-commit"
    Options: ClassVar[type[Options]] = OnHosts

    def __init__(self, stage: Stage, options: OnHosts, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._hosts = stage.named(options.on, draws)
        self._waiting: dict[str, int] = {}
        self._is_over = False

    def begin(self) -> None:
        stage = self.stage
        frozen = _freezing(stage, self.draws)
        frozen.begin()
        for host in self._hosts:
            wait_for_waiting_commits(stage, host.address)
            waiting = replication.waiting_commits(stage, stage.primary_host, host.address)
            stage.service(host).kill()
            self._waiting[host.name] = waiting
        frozen.end()

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.stage.together(
            [self.stage.service(host).start for host in self._hosts if host.name in self._waiting]
        )

    def evidence(self) -> str:
        shown = [f"{host} was killed in {count} commits" for host, count in self._waiting.items()]
        if not all(self._waiting.values()):
            raise FaultError("; ".join(shown))
        return "; ".join(shown)


class RestartOptions(Options, frozen=True):
    """The options of `RestartDatabase`.

    Attributes:
        mode: As `pg_ctl stop -m`; `immediate` is like a crash.
    """

    mode: Literal["fast", "immediate"] = "fast"


class RestartDatabase(Fault):
    """Stops the primary; it starts again at the end."""

    name = "restart-database"
    Options: ClassVar[type[Options]] = RestartOptions

    def __init__(self, stage: Stage, options: RestartOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._mode = options.mode
        self._started = ""
        self._is_over = True

    def begin(self) -> None:
        stage, host = self.stage, self.stage.primary_host
        self._started = str(replication.value(stage, host, _STARTED))
        self._is_over = False
        with host.entered():
            stage.primary.stop(self._mode)

    def end(self) -> None:
        """Start the primary; return when its standby has found it, because commits wait for that."""
        if not self._is_over:
            self._is_over = True
            self.stage.service(self.stage.primary_host).start()
            replication.wait_until_followed(self.stage, synchronously=True)

    def evidence(self) -> str:
        host = self.stage.primary_host
        started = str(replication.value(self.stage, host, _STARTED))
        if started == self._started:
            raise FaultError(f"{host} runs since {started}")
        return f"{host} ran since {self._started}, and now since {started}"


def _freezing(stage: Stage, draws: random.Random) -> Freeze:
    return Freeze(stage, OnHosts(on=["standby"]), draws)


def wait_for_waiting_commits(stage: Stage, address: str = "") -> None:
    """Return as soon as a commit of the primary waits for its standby."""
    stage.until(
        lambda: replication.waiting_commits(stage, stage.primary_host, address) > 0, _WAIT_SECONDS_MAX,
        f"no commit waits for {stage.standby_host}",
    )  # fmt: skip


FAULTS: Final = (FreezeStandby, KillServerInCommit, RestartDatabase, StopStandby)
