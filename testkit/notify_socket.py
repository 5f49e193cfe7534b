"""A service manager's end of `NOTIFY_SOCKET`."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

_SECONDS_MAX = 60.0


class NotifySocket:
    """Receives the reports of a server; as a context manager it is closed at the end.

    Args:
        name: A path, or a name in the abstract namespace behind an @.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)
        self._socket.settimeout(_SECONDS_MAX)
        self.seen: list[str] = []
        """All lines received so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def wait_for(self, matches: str | Callable[[str], bool]) -> list[str]:
        """Receive reports until one has a matching line, at once if it waits already; return its lines."""
        while True:
            lines = self._socket.recv(65536).decode().split("\n")
            self.seen += lines
            if any(line == matches if isinstance(matches, str) else matches(line) for line in lines):
                return lines

    def drain(self) -> list[str]:
        """Receive what waits now; return the lines."""
        self._socket.setblocking(False)
        lines: list[str] = []
        try:
            while True:
                lines += self._socket.recv(65536).decode().split("\n")
        except BlockingIOError:
            self.seen += lines
            return lines
        finally:
            self._socket.settimeout(_SECONDS_MAX)
