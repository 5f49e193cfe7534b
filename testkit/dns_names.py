"""A DNS server of a test, for one name whose addresses change."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from testkit import parts
from testkit.ports import is_open, quiet_port
from testkit.programs import Program

NAME = "game.test"
"""The name; it is also in the certificates of tests."""


class Names:
    """A DNS server for one name, whose addresses change."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "hosts"
        self.port = quiet_port()
        self._file.write_text("")
        words = [
            parts.program("dnsmasq", part="dns"), "--keep-in-foreground", "--log-facility=-", "--no-resolv",
            "--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={self.port}",
            f"--addn-hosts={self._file}", f"--user={'root' if os.geteuid() == 0 else ''}", "--pid-file=",
        ]  # fmt: skip
        self._program = Program(words, folder / "dnsmasq.log", {}, lambda: is_open(self.port))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, addresses: Sequence[str]) -> None:
        """Give the name these addresses."""
        self._file.write_text("".join(f"{address} {NAME}\n" for address in addresses))
        self._program.signal(signal.SIGHUP)

    @contextlib.contextmanager
    def serving(self, addresses: Sequence[str]) -> Iterator[Self]:
        self._file.write_text("".join(f"{address} {NAME}\n" for address in addresses))
        with self._program:
            yield self
