"""An ingress in a process of its own, which a test starts, stops, kills and starts again."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testkit.ports import free_port
from testkit.server_process import ROOT, START_SECONDS_MAX


class IngressProcess:
    """`dungeonfighter ingress` with its health checks on a free loopback port; a context manager kills it.

    Args:
        folder: Holds the log and the default database.
        queue: The address of the queue.
        database: A connection string; by default a SQLite file below `folder`.
        flags: Further arguments.
        environ: Further variables.
    """

    def __init__(
        self, folder: Path, queue: str, database: str = "", flags: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.port = free_port()
        self.database = database or f"sqlite:///{folder / 'games.db'}"
        self.log = folder / f"ingress-{self.port}.log"
        self.queue = queue
        self._flags = flags
        self._environ = environ or {}
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start_in_thread()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def launch(self) -> None:
        """Start the process without waiting for it."""
        assert self._process is None
        words = ["--queue", self.queue, "--db", self.database, "--listen", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dungeonfighter", "ingress", *words, *self._flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **self._environ},
            )  # fmt: skip

    def start(self) -> None:
        """Start the process and wait until it reads."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.is_ready():
            assert self._process is not None
            assert self._process.poll() is None, f"the ingress ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"the ingress does not read:\n{self.log.read_text()}"
            time.sleep(0.02)

    async def start_in_thread(self) -> None:
        """Start the process without blocking the event loop."""
        await asyncio.to_thread(self.start)

    def is_ready(self) -> bool:
        """Return True if `/readyz` answers 200."""
        return self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of an answer; status 0 if there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    def readiness(self) -> dict[str, str]:
        """Return what `/readyz` says."""
        said: dict[str, str] = json.loads(self.get("/readyz")[1] or "{}")
        return said

    def metric(self, name: str) -> float:
        """Return the value of a series, for example `mcp_ingress_lag{stream="3"}`."""
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        assert found is not None, f"there is no series {name}"
        return float(found[1])

    def signal(self, number: int) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stop the process, and return when it has stopped; `signal(SIGCONT)` lets it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def wait(self, seconds: float = START_SECONDS_MAX) -> int:
        """Wait for the end of the process; return its exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def kill(self) -> None:
        """Kill the process with SIGKILL, if it still runs."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGKILL)
            process.wait()
