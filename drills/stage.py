"""The place of one drill: its folder, its servers and databases, and the removal of all of it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from drills.balancer import Balancer
from drills.leftovers import Leftovers
from drills.services import Service, Services
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess

_STOP_SECONDS_MAX: Final = 40.0


class Stage:
    """What a drill starts; `close` ends and removes it in the opposite order.

    It is made in the event loop of the drill. All its methods block, so they are called in threads.

    Args:
        folder: Holds logs, the list of variables, and the database of SQLite.
        leftovers: Gets what would outlive a killed drill.
    """

    def __init__(self, folder: Path, leftovers: Leftovers) -> None:
        self.folder = folder
        self.services = Services()
        self.leftovers = leftovers
        self.scraped: list[int] = []
        """The ports of `/metrics`."""
        self._exits = contextlib.ExitStack()
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        self._exits.close()

    def at_end(self, action: Callable[[], object]) -> None:
        """Have an action done at the end, before those that were added earlier."""
        self._exits.callback(action)

    def server(self, name: str, database: str, flags: Sequence[str] = ()) -> ServerProcess:
        """Start a server of the game; its log is `NAME.log` in the folder of the stage."""
        server = ServerProcess(self.folder, database, ("--instance-id", name, *flags))
        server.log = self.folder / f"{name}.log"
        server.log.unlink(missing_ok=True)
        self.at_end(server.kill)

        def runs() -> bool:
            with contextlib.suppress(AssertionError):
                return Path(f"/proc/{server.process_id}").exists() and not _has_ended(server.process_id)
            return False

        def stop() -> None:
            server.signal(signal.SIGTERM)
            server.wait()
            server.kill()

        self.services.add(name, Service(server.start, stop, runs))
        self.scraped.append(server.port)
        server.start()
        return server

    def postgres(self, name: str = "database", copy_of: PostgresServer | None = None) -> PostgresServer:
        """Start a PostgreSQL server, or a standby of one."""
        server = PostgresServer(in_memory=True, copy_of=copy_of)
        self.leftovers.add("folder", str(server.folder))
        self.at_end(server.close)
        self.services.add(name, Service(server.start, server.stop, lambda: server.is_running))
        server.start()
        return server

    def balance(self, ports: Sequence[int]) -> str:
        """Start a balancer in front of servers, in the loop of the drill; return its address."""
        listening = Balancer(ports).listening()
        url = asyncio.run_coroutine_threadsafe(listening.__aenter__(), self._loop).result()

        def end() -> None:
            ending = listening.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(ending, self._loop).result()

        self.at_end(end)
        return url

    def program(self, words: Sequence[str], name: str) -> subprocess.Popen[bytes]:
        """Start a program that does not end with the drill by itself; its log is `NAME.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.leftovers.add("process", str(process.pid))

        def end() -> None:
            process.kill()
            process.wait()

        self.at_end(end)
        return process

    def mount(self, folder: Path, megabytes: int) -> None:
        """Mount a small file system in memory at a folder; needs root."""
        folder.mkdir(parents=True, exist_ok=True)
        self.leftovers.add("mount", str(folder))
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        subprocess.run(words, check=True, capture_output=True)
        self.at_end(lambda: subprocess.run(["umount", "--lazy", str(folder)], check=False))


def _has_ended(process: int) -> bool:
    """Return True for a process that ended and that nobody has asked for its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
