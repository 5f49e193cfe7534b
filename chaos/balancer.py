"""HAProxy with the files of deploy/haproxy, in front of the servers of a stage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chaos.hosts import Host
from testkit.haproxy import FILES, Haproxy

PORT: Final = 8080
URL: Final = f"http://127.0.0.1:{PORT}"
_SERVERS: Final = "servers-by-address.cfg"
_LETTERS: Final = "abc"
_LINE: Final = re.compile(r"^ +server ([a-z]) ")


class Balancer:
    """HAProxy on a host of its own; bots on that host call `URL`.

    Args:
        host: Where it runs.
        folder: Gets its log, its socket and its list of servers.
        servers: The hosts of one to three servers.
    """

    def __init__(self, host: Host, folder: Path, servers: Sequence[Host]) -> None:
        self._host = host
        self._names = dict(zip(_LETTERS, (server.name for server in servers), strict=False))
        listed = folder / _SERVERS
        lines = (FILES / _SERVERS).read_text(encoding="utf-8").splitlines(keepends=True)
        listed.write_text("".join(filter(self._is_wanted, lines)), encoding="utf-8")
        places = {
            f"SERVER_{letter.upper()}": f"{server.address}:8000"
            for letter, server in zip(_LETTERS, servers, strict=False)
        }
        with host.entered():
            self._program = Haproxy(folder, str(listed.resolve()), HTTP_BIND=f"127.0.0.1:{PORT}", **places)

    def _is_wanted(self, line: str) -> bool:
        found = _LINE.match(line)
        return found is None or found[1] in self._names

    @property
    def pid(self) -> int:
        return self._program.pid

    def start(self) -> None:
        """Start it, and wait until it has a server."""
        with self._host.entered():
            self._program.__enter__()
        self._program.wait_until(lambda: len(self.up()) == len(self._names))

    def stop(self) -> None:
        self._program.stop()

    def up(self) -> set[str]:
        """Return the hosts whose servers it uses."""
        states = self._program.states("any")
        return {self._names[letter] for letter, state in states.items() if state.endswith("UP")}

    def order(self, words: str) -> str:
        """Give an order through the socket of the administrator; return the answer."""
        return self._program.order(words)
