"""A real server in a process of its own, which can be killed and restarted on its port and database."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testkit.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS_MAX = 60.0


class ServerProcess:
    """`dungeonfighter serve` with `flags` on a free loopback port.

    It plays on `database`, or on a SQLite file in `folder`. Its code is that of this repository, or of
    another folder `source`. It logs to the file `log`, or to the descriptor `stderr`. As a context manager it
    kills the process at the exit of the block; the process also ends by itself when this one dies.
    """

    def __init__(
        self,
        folder: Path,
        database: str = "",
        flags: Sequence[str] = (),
        source: Path = ROOT / "src",
        stderr: int | None = None,
    ) -> None:
        self._flags = flags
        self._source = source
        self._stderr = stderr
        self.database = folder / "games.db"
        self._connection_string = database or f"sqlite:///{self.database}"
        self.log = folder / "server.log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        while not self.is_ready():
            time.sleep(0.02)

    async def start_in_thread(self) -> None:
        """Start without blocking the event loop."""
        await asyncio.to_thread(self.start)

    def launch(self) -> None:
        assert self._process is None
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dungeonfighter", "serve", "--host", "127.0.0.1",
                 "--port", str(self.port), "--db", self._connection_string, "--until-stdin-closes",
                 *self._flags],
                stdin=subprocess.PIPE, stdout=log,
                stderr=log if self._stderr is None else self._stderr, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(self._source)},
            )  # fmt: skip
        self._deadline = time.monotonic() + START_SECONDS_MAX

    def is_ready(self) -> bool:
        """Return True if `/readyz` answers 200.

        Raises:
            AssertionError: The process has ended or takes too long; the message has its log.
        """
        assert self._process is not None
        if self._process.poll() is not None or time.monotonic() > self._deadline:
            raise AssertionError(f"the server did not start:\n{self.log.read_text()}")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait(self) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        assert self._process is not None
        return self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end: the server flushes nothing."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
