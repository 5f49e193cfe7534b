"""Thousands of connections that are lost at one moment, and come back at one moment."""

from __future__ import annotations

import random
import time
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chaos.balancer import PORT
from chaos.faults.fault import Fault, FaultError, Options
from chaos.herd import Herd
from chaos.stage import Stage
from dungeonfighter.fleet.files import SPARE_FILES, allow_many_files

_COME_SECONDS_MAX: Final = 60.0
_LOST_SECONDS_MAX: Final = 20.0


class HerdOptions(Options, frozen=True):
    """The number of idle connections beside those of the bots."""

    idle: Annotated[int, Meta(ge=1, le=5000)] = 2000


class HerdOfReconnects(Fault):
    """Resets every connection to the balancer at one moment: those of the bots, and of a herd beside them."""

    name = "herd-of-reconnects"
    Options: ClassVar[type[Options]] = HerdOptions

    def __init__(self, stage: Stage, options: HerdOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._count = options.idle
        self._herd = Herd(stage.hosts["balancer"], options.idle)
        self._reset_at = 0.0

    def prepare(self) -> None:
        if allow_many_files() < 2 * (self._count + SPARE_FILES):
            raise FaultError(f"too few files may be open for {self._count} clients: raise ulimit -n")

    def begin(self) -> None:
        """Let the herd come, and then reset all connections."""
        herd = self._herd
        self.stage.at_end(herd.end)
        herd.begin()
        self.stage.until(lambda: herd.back == self._count, _COME_SECONDS_MAX, "the herd does not come")
        self._reset_at = time.monotonic()
        self.stage.hosts["balancer"].run(
            "ss", "--kill", "--tcp", "state", "established", "dport", "=", f":{PORT}"
        )
        self.stage.until(
            lambda: herd.lost >= self._count, _LOST_SECONDS_MAX, "the kernel does not reset the connections"
        )

    def end(self) -> None:
        """Do no more: the connections come back by themselves."""

    def evidence(self) -> str:
        herd = self._herd
        self.stage.until(lambda: herd.back == self._count, _COME_SECONDS_MAX, "the herd does not come back")
        return (
            f"{herd.lost:,} connections beside those of the bots were reset and were back after "
            f"{herd.came_at - self._reset_at:.1f} s; {herd.refused:,} calls were refused meanwhile"
        )


FAULTS: Final = (HerdOfReconnects,)
