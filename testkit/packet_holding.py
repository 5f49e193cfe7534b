"""Packets that are held where they arrive, so that a line takes longer.

A packet that is held where it leaves counts as unsent, and TCP sends no more than two of those.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final, Protocol

from testkit.parts import PLACES, ROOT, PartMissing

_PROGRAM: Final = Path(__file__).with_name("packet_delay.py")
_PYTHON: Final = ROOT / ".parts" / "venv" / "bin" / "python"
_END_SECONDS_MAX: Final = 10.0


class Place(Protocol):
    """A namespace; it is that of `testkit.namespaces`, which imports this module."""

    name: str

    def run(self, *words: str) -> str: ...


def holding_obstacle() -> str:
    """Return the reason why packets cannot be held here; empty if they can."""
    return (
        ""
        if any(_PYTHON.parents[1].glob("lib/python3*/site-packages/netfilterqueue*"))
        else str(PartMissing("network"))
    )


class PacketHolding:
    """Holds each packet that arrives at an interface, from `begin` to `end`; their order stays.

    Args:
        namespace: The namespace of the interface; it has one holding at a time.
        interface: Its name.
        seconds: The time that a packet is held.
        jitter_seconds: It is held so much longer or shorter, at most.
        seed: Draws the jitter.
    """

    def __init__(
        self, namespace: Place, interface: str, seconds: float, jitter_seconds: float = 0.0, seed: int = 0
    ) -> None:
        self._namespace = namespace
        self._rule = ("INPUT", "-i", interface, "-j", "NFQUEUE", "--queue-num", "0")
        self._words = (str(seconds), str(jitter_seconds), str(seed))
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        self._namespace.run("iptables", "-A", *self._rule)
        inside = ("ip", "netns", "exec", self._namespace.name)
        self._process = subprocess.Popen(
            [*inside, str(_PYTHON), str(_PROGRAM), *self._words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"PATH": os.pathsep.join(PLACES)},
        )  # fmt: skip
        if self._output() != "ready":
            raise RuntimeError("the packets are not held")

    def end(self) -> int:
        """Let packets pass; return the number of those that were held. A second call returns 0."""
        process, self._process = self._process, None
        if process is None:
            return 0
        self._namespace.run("iptables", "-D", *self._rule)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        held = process.stdout.read().decode().strip()
        process.wait(_END_SECONDS_MAX)
        return int(held)

    def _output(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()
