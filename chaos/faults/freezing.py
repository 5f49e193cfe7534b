"""Hosts whose processes stand still: their connections stay open, and get no answers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from pathlib import Path
from typing import ClassVar, Final

from chaos.faults.fault import Fault, FaultError, OnHosts, Options
from chaos.hosts import Host
from chaos.stage import Stage

_FREEZE_SECONDS_MAX: Final = 10.0
_STOPPED: Final = "T"


class Freeze(Fault):
    """Stops all processes of the hosts with SIGSTOP; they go on at the end."""

    name = "freeze"
    Options: ClassVar[type[Options]] = OnHosts

    def __init__(self, stage: Stage, options: OnHosts, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._words = options.on
        self._hosts: list[Host] = []
        self._ticks: dict[int, int] = {}
        self._moved: list[int] = []
        self._is_over = False

    def begin(self) -> None:
        self._hosts = self.stage.named(self._words, self.draws)
        self.stage.until(self._stand_still, _FREEZE_SECONDS_MAX, f"{self._hosts} do not stand still")
        self._ticks = {one: _ticks(one) for one in self._pids()}

    def end(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        now = self._pids()
        self._moved = [one for one in now if state(one) != _STOPPED or _ticks(one) != self._ticks.get(one)]
        for one in now:
            _send(one, signal.SIGCONT)

    def evidence(self) -> str:
        if not self._ticks or self._moved:
            raise FaultError(f"processes {self._moved or 'of nobody'} did not stand still")
        return f"{len(self._ticks)} processes of {self._hosts} used no processor time"

    def _pids(self) -> list[int]:
        return [one for host in self._hosts for one in host.pids()]

    def _stand_still(self) -> bool:
        """Stop what runs; return True if no process, nor one that it started meanwhile, still ran."""
        running = [one for one in self._pids() if state(one) != _STOPPED]
        for one in running:
            _send(one, signal.SIGSTOP)
        return not running


def state(process: int) -> str:
    """Return the state of a process as one letter, such as `T` for stopped; empty if there is none."""
    fields = _fields(process)
    return fields[0] if fields else ""


def _ticks(process: int) -> int:
    """Return the processor time that a process has used, in the kernel's own unit."""
    fields = _fields(process)
    return int(fields[11]) + int(fields[12]) if fields else 0


def _fields(process: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return []


def _send(process: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


FAULTS: Final = (Freeze,)
