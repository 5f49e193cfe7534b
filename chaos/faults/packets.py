"""Lines that lose packets, delay them, or carry few of them."""

from __future__ import annotations

import random
import re
import socket
import statistics
import time
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chaos.faults.fault import Fault, FaultError, OnHosts, Options
from chaos.hosts import INTERFACE, Host
from chaos.packet_rules import PacketRules
from chaos.stage import Stage
from testkit.packet_holding import PacketHolding, holding_obstacle

_CONNECTS: Final = 5


class LossOptions(OnHosts, frozen=True):
    """The options of a loss: so many of a hundred packets that arrive at the hosts are dropped."""

    percent: Annotated[int, Meta(ge=1, le=99)]


class PacketLoss(Fault):
    """Drops a part of the packets that arrive at the hosts from others."""

    name = "packet-loss"
    Options: ClassVar[type[Options]] = LossOptions

    def __init__(self, stage: Stage, options: LossOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._options = options
        self._rules: dict[Host, PacketRules] = {}
        self._counts: dict[Host, list[int]] = {}

    def begin(self) -> None:
        rules = [
            f'iifname "{INTERFACE}" counter',
            f'iifname "{INTERFACE}" numgen random mod 100 < {self._options.percent} counter drop',
        ]
        for host in self.stage.named(self._options.on, self.draws):
            self._rules[host] = PacketRules(host, rules)
            self._rules[host].add()

    def end(self) -> None:
        for host, rules in self._rules.items():
            self._counts[host] = rules.remove()
        self._rules = {}

    def evidence(self) -> str:
        shown = []
        for host, (all_packets, dropped) in self._counts.items():
            if not dropped:
                raise FaultError(f"none of {all_packets} packets to {host} was dropped")
            shown.append(f"{dropped:,} of {all_packets:,} packets to {host} dropped")
        return "; ".join(shown)


class DelayOptions(OnHosts, frozen=True):
    """The options of a delay: each packet that arrives is held so long, more or less by the jitter."""

    milliseconds: Annotated[float, Meta(ge=1, le=2000)]
    jitter: Annotated[float, Meta(ge=0, le=2000)] = 0.0


class Delay(Fault):
    """Holds each packet that arrives at the hosts from others; their order stays."""

    name = "delay"
    Options: ClassVar[type[Options]] = DelayOptions

    def __init__(self, stage: Stage, options: DelayOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._options = options
        self._hosts: list[Host] = []
        self._holdings: list[PacketHolding] = []
        self._held = 0
        self._before = 0.0
        self._during = 0.0

    @classmethod
    def obstacle(cls) -> str:
        return holding_obstacle()

    def begin(self) -> None:
        self._hosts = self.stage.named(self._options.on, self.draws)
        self._before = self._connect_seconds()
        seconds, jitter = self._options.milliseconds / 1000, self._options.jitter / 1000
        for host in self._hosts:
            holding = PacketHolding(
                host.namespace, INTERFACE, seconds, jitter, seed=self.draws.randrange(2**32)
            )
            self._holdings.append(holding)
            self.stage.at_end(holding.end)
            holding.begin()
        self._during = self._connect_seconds()

    def end(self) -> None:
        for holding in self._holdings:
            self._held += holding.end()
        self._holdings = []

    def evidence(self) -> str:
        before, during = 1000 * self._before, 1000 * self._during
        least = self._options.milliseconds - self._options.jitter
        if not self._held or during < before + least:
            raise FaultError(
                f"{self._held} packets held; to connect took {before:.1f} ms, then {during:.1f} ms"
            )
        return (
            f"{self._held:,} packets held; to connect took {before:.1f} ms before, {during:.1f} ms meanwhile"
        )

    def _connect_seconds(self) -> float:
        """Return the median time of a connection from the balancer to the first host."""
        host = self._hosts[0]
        place = (host.address, self.stage.port_of(host))

        def measure() -> float:
            begun = time.perf_counter()
            socket.create_connection(place, 10).close()
            return time.perf_counter() - begun

        return self.stage.hosts["balancer"].call(
            lambda: statistics.median(measure() for _ in range(_CONNECTS))
        )


class RateOptions(OnHosts, frozen=True):
    """The options of a rate limit: so many kilobits a second leave each host."""

    kilobits: Annotated[int, Meta(ge=8, le=1_000_000)]


class RateLimit(Fault):
    """Limits the bytes that leave the hosts, with a short queue (token bucket)."""

    name = "rate-limit"
    Options: ClassVar[type[Options]] = RateOptions

    def __init__(self, stage: Stage, options: RateOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._options = options
        self._hosts: list[Host] = []
        self._limited: dict[Host, tuple[int, int]] = {}

    def begin(self) -> None:
        self._hosts = self.stage.named(self._options.on, self.draws)
        for host in self._hosts:
            host.run(
                "tc", "qdisc", "add", "dev", INTERFACE, "root",
                "tbf", "rate", f"{self._options.kilobits}kbit", "burst", "8kb", "latency", "300ms",
            )  # fmt: skip

    def end(self) -> None:
        for host in self._hosts:
            shown = host.run("tc", "-s", "qdisc", "show", "dev", INTERFACE)
            found = re.search(r"dropped (\d+), overlimits (\d+)", shown)
            self._limited[host] = (int(found[1]), int(found[2])) if found else (0, 0)
            host.run("tc", "qdisc", "delete", "dev", INTERFACE, "root")
        self._hosts = []

    def evidence(self) -> str:
        shown = []
        for host, (dropped, delayed) in self._limited.items():
            if not delayed:
                raise FaultError(f"{host} never reached its rate")
            shown.append(f"{host} waited {delayed:,} times for its rate and dropped {dropped:,} packets")
        return "; ".join(shown)


FAULTS: Final = (PacketLoss, Delay, RateLimit)
