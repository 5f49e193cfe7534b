"""The hosts of a stage: network namespaces on this machine, joined by a bridge in one more."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from testkit.leftovers import Leftovers
from testkit.namespaces import Namespace

INTERFACE: Final = "eth0"
"""The name of each host's interface to the others."""
_BRIDGE: Final = "bridge"
_BITS: Final = 24
_Result = TypeVar("_Result")


class Host:
    """One host, with one IPv4 address and a loopback of its own.

    Attributes:
        name: For example `server-1`.
        address: Its IPv4 address.
        namespace: The network namespace behind it.
    """

    def __init__(self, name: str, address: str, namespace: Namespace) -> None:
        self.name = name
        self.address = address
        self.namespace = namespace

    def __repr__(self) -> str:
        return self.name

    def run(self, *words: str) -> str:
        """Run a command on the host, and return what it prints.

        Raises:
            RuntimeError: The command failed; the text has its output.
        """
        return self.namespace.run(*words)

    def popen(self, words: Sequence[str], **more: Any) -> subprocess.Popen[bytes]:
        """Start a program on the host."""
        with self.entered():
            return subprocess.Popen(words, **more)

    def entered(self) -> contextlib.AbstractContextManager[None]:
        """Move this thread to the host for a block: its new sockets and processes belong to it."""
        return self.namespace.entered()

    def call(self, function: Callable[[], _Result]) -> _Result:
        """Return the result of a function that runs on the host, in a thread of its own."""

        def work() -> _Result:
            with self.entered():
                return function()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(work).result()

    def pids(self) -> list[int]:
        """Return the processes on the host, without this one."""
        listed = self.namespace.pids()
        return [one for one in listed if one != os.getpid()]


class Network:
    """The switch of a stage and the hosts around it."""

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers
        self._stack = contextlib.ExitStack()
        self._switch: Namespace
        self.hosts: dict[str, Host] = {}

    def open(self) -> None:
        """Make the switch.

        Raises:
            PartMissing: A program of the part `network` is missing.
        """
        self._switch = self._namespace("switch")
        self._switch.run("ip", "link", "add", _BRIDGE, "type", "bridge")
        self._switch.run("ip", "link", "set", _BRIDGE, "up")

    def add(self, name: str, address: str) -> Host:
        """Make a host and plug it into the switch."""
        namespace = self._namespace(name)
        port = f"to-{name}"[:15]
        ends = ("ip", "link", "add", port, "type", "veth", "peer", "name", INTERFACE, "netns", namespace.name)
        self._switch.run(*ends)
        self._switch.run("ip", "link", "set", port, "master", _BRIDGE, "up")
        namespace.run("ip", "address", "add", f"{address}/{_BITS}", "dev", INTERFACE)
        namespace.run("ip", "link", "set", INTERFACE, "up")
        host = self.hosts[name] = Host(name, address, namespace)
        return host

    def close(self) -> None:
        """Remove all namespaces, and with them all rules in them."""
        self._stack.close()

    def _namespace(self, name: str) -> Namespace:
        namespace = Namespace(name)
        self._leftovers.add("namespace", namespace.name)
        return self._stack.enter_context(namespace)
