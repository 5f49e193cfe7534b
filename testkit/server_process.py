"""A server in a process of its own, which a test starts, kills and restarts on the same port and database."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testkit.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS_MAX = 60.0


class ServerProcess:
    """`dungeonfighter serve` on a free loopback port; as a context manager it kills the process at the end.

    The server also ends by itself when the test process dies.

    Args:
        folder: Holds the log (`server.log`) and the default database.
        database: A connection string; by default a SQLite file below `folder`.
        flags: Further arguments of `serve`.
        source: The folder from which the program is imported.
        stderr: A descriptor that gets the log instead of the file.
        environ: Further variables. If one of them gives the database, `database` is left out.
        wrapper: The beginning of the command line: a program that becomes the one it is given.
        address: The loopback address and the port to listen on; by default a free port of 127.0.0.1.
    """

    def __init__(
        self,
        folder: Path,
        database: str = "",
        flags: Sequence[str] = (),
        source: Path = ROOT / "src",
        stderr: int | None = None,
        environ: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        address: tuple[str, int] | None = None,
    ) -> None:
        self._flags = flags
        self._source = source
        self._stderr = stderr
        self._environ = environ or {}
        self._wrapper = wrapper
        self.database = folder / "games.db"
        self._connection_string = database or f"sqlite:///{self.database}"
        self.log = folder / "server.log"
        self.host, self.port = address or ("127.0.0.1", free_port())
        self._process: subprocess.Popen[bytes] | None = None

    def add_flags(self, *flags: str) -> None:
        """Add arguments for the next start, for example one that needs `url`."""
        self._flags = [*self._flags, *flags]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        self.launch()
        while not self.is_ready():
            time.sleep(0.02)

    async def start_in_thread(self) -> None:
        """Start the server without blocking the event loop."""
        await asyncio.to_thread(self.start)

    def launch(self) -> None:
        assert self._process is None
        is_given = any(name.startswith("DB_CONNECTION_STRING") for name in self._environ)
        database = [] if is_given else ["--db", self._connection_string]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._wrapper, sys.executable, "-m", "dungeonfighter", "serve", "--host", self.host,
                 "--port", str(self.port), *database, "--until-stdin-closes", *self._flags],
                stdin=subprocess.PIPE, stdout=log,
                stderr=log if self._stderr is None else self._stderr, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(self._source), **self._environ},
            )  # fmt: skip
        self._deadline = time.monotonic() + START_SECONDS_MAX

    def is_ready(self) -> bool:
        """Return True if `/readyz` answers 200; fail with the log if the process ended or is too slow."""
        assert self._process is not None
        if self._process.poll() is not None or time.monotonic() > self._deadline:
            raise AssertionError(f"the server did not start:\n{self.log.read_text()}")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=5)
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

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> int:
        """End the server in good order with SIGTERM; return its exit code."""
        self.signal(signal.SIGTERM)
        code = self.wait()
        self.kill()
        return code

    def wait(self) -> int:
        """Wait for the end of the process; return its exit code."""
        assert self._process is not None
        return self._process.wait()

    def kill(self) -> None:
        """Kill the process with SIGKILL, if it still runs."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
