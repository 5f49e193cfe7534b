"""Network namespaces: hosts of their own on this machine, with links that are slow or cut.

A `Namespace` is a host with a loopback of its own. Whatever is started inside `entered()` runs in it, and so
do the sockets that the thread makes there. A `Link` joins two of them; it delays every packet by the same
time and can be cut. Everything needs root and the part `network`.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from testkit.packet_holding import PacketHolding
from testkit.parts import PartMissing, program

_CLONE_NEWNET: Final = 0x40000000
_FOLDER: Final = Path("/run/netns")
_numbers = itertools.count()


def _run(*words: str) -> str:
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr or done.stdout}")
    return done.stdout


class Namespace:
    """A network namespace until the end of a block.

    Args:
        name: A word that is part of its name.

    Raises:
        PartMissing: The programs are missing, or this user may not make one.
    """

    def __init__(self, name: str) -> None:
        if os.geteuid() != 0:
            raise PartMissing("network")
        self._ip = program("ip", part="network")
        self.name = f"df-{name}-{os.getpid()}-{next(_numbers)}"

    def __enter__(self) -> Self:
        _run(self._ip, "netns", "add", self.name)
        self.run("ip", "link", "set", "lo", "up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _run(self._ip, "netns", "delete", self.name)

    def run(self, *words: str) -> str:
        """Run a command in the namespace, and return what it prints.

        Raises:
            RuntimeError: The command failed; the text has its output.
        """
        return _run(self._ip, "netns", "exec", self.name, *words)

    def pids(self) -> list[int]:
        """Return the processes whose first thread is in the namespace."""
        return [int(word) for word in _run(self._ip, "netns", "pids", self.name).split()]

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move this thread into the namespace for a block: its new sockets and processes belong to it."""
        with Path("/proc/thread-self/ns/net").open("rb") as home, (_FOLDER / self.name).open("rb") as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())


def _enter(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


class Link:
    """A line between two namespaces until the end of a block, the same in both directions.

    Args:
        first, second: The ends.
        addresses: Their IPv4 addresses, in one network of 24 bits.
        delay_seconds: The time that each packet takes, one way.
    """

    def __init__(
        self, first: Namespace, second: Namespace, addresses: tuple[str, str], delay_seconds: float
    ) -> None:
        self._ends = (first, second)
        self.addresses = addresses
        self._delay_seconds = delay_seconds
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        first, second = self._ends
        names = (f"v{os.getpid() % 100000}a{next(_numbers)}", f"v{os.getpid() % 100000}b{next(_numbers)}")
        first.run(
            "ip", "link", "add", names[0], "type", "veth", "peer", "name", names[1], "netns", second.name
        )
        with self._stack:
            for end, name, address in zip(self._ends, names, self.addresses, strict=True):
                end.run("ip", "address", "add", f"{address}/24", "dev", name)
                end.run("ip", "link", "set", name, "up")
                holding = PacketHolding(end, name, self._delay_seconds)
                self._stack.callback(holding.end)
                holding.begin()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def cut(self) -> None:
        """Drop every packet from now on, in both directions."""
        for end in self._ends:
            end.run("nft", "add", "table", "inet", "cut")
            for hook in ("input", "output"):
                end.run(
                    "nft", "add", "chain", "inet", "cut", hook,
                    f"{{ type filter hook {hook} priority -10 ; policy accept ; }}",
                )  # fmt: skip
                match = "iifname" if hook == "input" else "oifname"
                end.run("nft", "add", "rule", "inet", "cut", hook, match, "!=", "lo", "counter", "drop")

    def heal(self) -> int:
        """Let packets pass; return the number of those that were dropped."""
        dropped = 0
        for end in self._ends:
            for line in end.run("nft", "list", "table", "inet", "cut").splitlines():
                words = line.split()
                if "packets" in words:
                    dropped += int(words[words.index("packets") + 1])
            end.run("nft", "delete", "table", "inet", "cut")
        return dropped


def remove_namespace(name: str) -> bool:
    """Kill all processes in a namespace and delete it; return False if there is none of this name."""
    if not (_FOLDER / name).exists():
        return False
    words = program("ip", part="network"), "netns"
    for process in _run(*words, "pids", name).split():
        if int(process) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
    _run(*words, "delete", name)
    return True
