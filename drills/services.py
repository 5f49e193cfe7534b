"""The service manager of a drill: `$SERVICE start|stop|restart NAME`, as with systemctl or docker compose.

The command in the operator's terminal asks the drill over a Unix socket, and the drill starts and stops the
processes, so that none of them outlives it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, NamedTuple

VERBS: Final = ("start", "stop", "restart")
_CLIENT: Final = Path(__file__).with_name("ask_service.py")


class Service(NamedTuple):
    """One program of the drill; the functions block until it has started or stopped."""

    start: Callable[[], None]
    stop: Callable[[], None]
    runs: Callable[[], bool]


class Services:
    """All programs of one drill, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Service] = {}

    def add(self, name: str, service: Service) -> None:
        self._known[name] = service

    def runs(self, name: str) -> bool:
        return self._known[name].runs()

    def obey(self, words: list[str]) -> tuple[bool, str]:
        """Execute `start NAME`, `stop NAME` or `restart NAME`; return success, and a sentence about it."""
        if len(words) != 2 or words[0] not in VERBS or words[1] not in self._known:
            known = ", ".join(self._known)
            return False, f"write: start, stop or restart, and one of {known}"
        verb, name = words
        service = self._known[name]
        try:
            if verb != "start" and service.runs():
                service.stop()
            if verb != "stop" and not service.runs():
                service.start()
        except (AssertionError, RuntimeError, OSError) as error:
            return False, f"{name} did not {verb}: {error}"
        return True, f"{name} {'runs' if service.runs() else 'is stopped'}"

    @contextlib.asynccontextmanager
    async def listening(self, folder: Path) -> AsyncIterator[Path]:
        """Serve requests until the end of the block; give the path of the command."""
        socket = _short(folder / "control")
        socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._answer, socket)
        command = folder / "service"
        words = [sys.executable, str(_CLIENT), str((folder / "control").resolve())]
        command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        try:
            yield command
        finally:
            server.close()
            socket.unlink(missing_ok=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readline()).decode(errors="replace").split()
        done, text = await asyncio.to_thread(self.obey, words)
        writer.write(f"{int(not done)} {text}\n".encode())
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


def _short(path: Path) -> Path:
    """Return the path relative to the working directory, because sockets have at most 107 bytes."""
    return Path(os.path.relpath(path))
