"""The place of one drill: its folder, its servers and databases, and the removal of all of it."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from drills.balancer import Balancer
from drills.services import Service, Services
from testkit.leftovers import Leftovers
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess

_STOP_SECONDS_MAX: Final = 10.0


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
        self.scraped: list[tuple[str, int]] = []
        """The ports of `/metrics` at 127.0.0.1, each with the job that the rules know it by."""
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

        def start() -> None:
            server.kill()  # it may have ended by itself
            server.start()

        def stop() -> None:
            server.signal(signal.SIGTERM)
            server.wait()
            server.kill()

        self.services.add(name, Service(start, stop, runs))
        self.scraped.append(("dungeonfighter", server.port))
        server.start()
        return server

    def postgres(self, name: str = "database", copy_of: str = "") -> PostgresServer:
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

    def own_folder(self, name: str) -> Path:
        """Make an empty folder, which is removed at the end."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        self.at_end(lambda: shutil.rmtree(path, ignore_errors=True))
        return path

    def program(self, name: str, words: Sequence[str]) -> None:
        """Start a program that does not end with the drill by itself; its log is `NAME.log`."""
        log = self.folder / f"{name}.log"
        log.unlink(missing_ok=True)
        program = _Program(words, log, self.leftovers)
        self.at_end(program.stop)
        self.services.add(name, Service(program.start, program.stop, program.runs))
        program.start()

    def mount(self, folder: Path, megabytes: int) -> None:
        """Mount a small file system in memory at an empty folder; needs root."""
        self.leftovers.add("mount", str(folder))
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        subprocess.run(words, check=True, capture_output=True)
        self.at_end(lambda: subprocess.run(["umount", "--lazy", str(folder)], check=False))


class _Program:
    """A program that can be stopped and started anew."""

    def __init__(self, words: Sequence[str], log: Path, leftovers: Leftovers) -> None:
        self._words = words
        self._log = log
        self._leftovers = leftovers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._leftovers.add("process", str(self._process.pid))

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None


def _has_ended(process: int) -> bool:
    """Return True for a process that ended and that nobody has asked for its exit code."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
