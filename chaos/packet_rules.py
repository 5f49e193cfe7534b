"""Rules for the packets that arrive at a host or leave it, in a table of nftables of their own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Final

from chaos.hosts import Host

_COUNTER: Final = re.compile(r"counter packets (\d+) ")
_numbers = itertools.count(1)


class PacketRules:
    """One table on one host.

    Args:
        host: The host.
        arriving: Rules for packets that arrive, in the words of nft; each has a `counter`.
        leaving: Rules for packets that leave.
    """

    def __init__(self, host: Host, arriving: Sequence[str] = (), leaving: Sequence[str] = ()) -> None:
        self._host = host
        self._rules = {"input": arriving, "output": leaving}
        self._table = f"ip chaos_{next(_numbers)}"
        self._is_there = False

    def add(self) -> None:
        """Make the table; the rules hold from now on."""
        orders = [f"add table {self._table}"]
        for hook, rules in self._rules.items():
            if rules:
                kind = f"type filter hook {hook} priority -10 ; policy accept ;"
                orders.append(f"add chain {self._table} {hook} {{ {kind} }}")
            orders += [f"add rule {self._table} {hook} {rule}" for rule in rules]
        self._host.run("nft", "; ".join(orders))
        self._is_there = True

    def remove(self) -> list[int]:
        """Delete the table; return the packets that each rule matched, in the order of the rules."""
        if not self._is_there:
            return []
        self._is_there = False
        listed = self._host.run("nft", "list", "table", *self._table.split())
        self._host.run("nft", "delete", "table", *self._table.split())
        return [int(number) for number in _COUNTER.findall(listed)]
