"""Hosts that cannot reach each other, in both directions or in one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated, ClassVar, Final, Literal

from msgspec import Meta

from chaos.faults.fault import Fault, FaultError, HostWord, OnHosts, Options
from chaos.hosts import Host
from chaos.packet_rules import PacketRules
from chaos.stage import Stage


class PartitionOptions(OnHosts, frozen=True):
    """The options of a partition.

    Attributes:
        on: The hosts on one side.
        away_from: Those on the other side.
        way: `both`, `in` (what `on` would receive is lost), or `out` (what `on` sends is lost).
        how: `drop`, or `reset`: a packet is answered with a reset, as by a machine that has lost its state.
    """

    away_from: Annotated[list[HostWord], Meta(min_length=1)]
    way: Literal["both", "in", "out"] = "both"
    how: Literal["drop", "reset"] = "drop"


class Partition(Fault):
    """Drops or resets the packets between two groups of hosts."""

    name = "partition"
    Options: ClassVar[type[Options]] = PartitionOptions

    def __init__(self, stage: Stage, options: PartitionOptions, draws: random.Random) -> None:
        super().__init__(stage, options, draws)
        self._options = options
        self._rules: list[tuple[str, PacketRules]] = []
        self._counts: list[tuple[str, list[int]]] = []

    def begin(self) -> None:
        """Cut; a packet is dropped where it arrives, because TCP notices one that cannot leave."""
        here = self.stage.named(self._options.on, self.draws)
        there = self.stage.named(self._options.away_from, self.draws)
        if set(here) & set(there):
            raise FaultError(f"{here} and {there} have a host in common")
        if self._options.how == "reset":
            self._reset(here, there)
        else:
            if self._options.way != "out":
                self._drop(there, here)
            if self._options.way != "in":
                self._drop(here, there)
        for _, rules in self._rules:
            rules.add()

    def end(self) -> None:
        for text, rules in self._rules:
            self._counts.append((text, rules.remove()))
        self._rules = []

    def evidence(self) -> str:
        """Return the numbers of packets; cut off in both directions, one side may have sent none."""
        verb = "reset" if self._options.how == "reset" else "dropped"
        found = [(text, sum(counts)) for text, counts in self._counts]
        needed = max if self._options.way == "both" else min
        if not needed((count for _, count in found), default=0):
            raise FaultError(f"no packet was {verb}: {found}")
        return "; ".join(f"{count:,} packets {text} {verb}" for text, count in found)

    def _drop(self, senders: Sequence[Host], receivers: Sequence[Host]) -> None:
        rule = f"ip saddr {_addresses(senders)} counter drop"
        for receiver in receivers:
            self._rules.append((f"from {_names(senders)} to {receiver}", PacketRules(receiver, [rule])))

    def _reset(self, here: Sequence[Host], there: Sequence[Host]) -> None:
        """Answer with resets on one side only: on the other one they would be dropped themselves."""
        addresses = _addresses(there)
        arriving = [f"ip saddr {addresses} tcp flags & rst == 0 counter reject with tcp reset"]
        leaving = [f"ip daddr {addresses} tcp flags & rst == 0 counter reject with tcp reset"]
        for host in here:
            rules = PacketRules(
                host,
                arriving if self._options.way != "out" else (),
                leaving if self._options.way != "in" else (),
            )
            self._rules.append((f"between {host} and {_names(there)}", rules))


def _addresses(hosts: Sequence[Host]) -> str:
    return f"{{ {', '.join(host.address for host in hosts)} }}"


def _names(hosts: Sequence[Host]) -> str:
    return " and ".join(map(str, hosts))


FAULTS: Final = (Partition,)
