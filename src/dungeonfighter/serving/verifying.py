"""Keeps the verifier of a server running: starts it after the server listens, and again when it ends.

Source: docs/leaderboard.md, "The verifier".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from dungeonfighter.hosting.ports import Meter
from dungeonfighter.hosting.verification import RESULTS
from dungeonfighter.serving.background import begin
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.serving.service_manager import without_socket
from dungeonfighter.serving.verifier import Tally
from dungeonfighter.settings import Settings

logger = logging.getLogger(__name__)

BEGIN_SECONDS: Final = 1.0
"""The first calls to a new server come before the start of its verifier."""
PAUSE_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 60.0
STABLE_SECONDS: Final = 60.0
"""After the verifier has lived this long, the next pause is the shortest one."""
CLOSE_SECONDS: Final = 5.0


class Verifying:
    """The verifier of one server; `begin` starts it once.

    Args:
        words, environ: The flags and the environment that give it the settings of the server.
        is_needed: False for a store that no other process can open, and on Windows, whose processes inherit
            no sockets; then ranked runs stay pending.
    """

    def __init__(self, words: Sequence[str], environ: Mapping[str, str], *, is_needed: bool) -> None:
        self._words = words
        self._environ = without_socket(environ)
        self._is_needed = is_needed
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._closing = asyncio.Event()
        self._pending = 0
        self._restarts = 0
        self._results: Counter[str] = Counter()
        self._former: Counter[str] = Counter()
        """The results of the processes that have ended."""

    def declare(self, meter: Meter) -> None:
        """Declare the metrics of the verification."""
        meter.read_counters(
            "mcp_run_checks_total", "Ranked runs that this server executed again, by result.", ("result",),
            {(word,): partial(self._count, word) for word in RESULTS.values()},
            "Any `false`: a row was changed by hand, or its run was not played by these rules; the log names "
            "it. `set_aside`: the log says why the run could not be executed, or does not count.",
        )  # fmt: skip
        meter.gauge(
            "mcp_runs_pending", "Ranked runs of the store that wait to be executed again.",
            "It stays near 0. If it grows, no server has time left for its verifier, or the verifier ends "
            "again and again; see the log.",
            merge="max", read=lambda: self._pending,
        )  # fmt: skip
        meter.read_counters(
            "mcp_verifier_restarts_total", "Starts of the verifier after it ended by itself.", (),
            {(): lambda: self._restarts},
            "Some run ends the process; it is set aside after three tries. If it goes on, read the log.",
        )  # fmt: skip

    def begin(self) -> None:
        """Start the verifier a moment from now."""
        if self._is_needed and self._task is None and not self._closing.is_set():
            self._task = begin(self._keep_running(), "verifier of ranked runs")

    def hang_up(self) -> None:
        """Let the verifier read its secrets anew."""
        hang_up = getattr(signal, "SIGHUP", None)
        if hang_up is not None:
            self._signal(hang_up)

    def stop(self) -> None:
        """Begin to end the verifier, without waiting for it; `close` must follow."""
        self._closing.set()
        if self._task is not None and self._process is None:
            self._task.cancel()
        self._signal(signal.SIGTERM)

    async def close(self) -> None:
        """End the verifier; it gives back what it has claimed, or is killed after `CLOSE_SECONDS`."""
        self.stop()
        if self._task is None:
            return
        _, running = await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
        if running:
            self._signal(signal.SIGKILL)
            self._task.cancel()
            await asyncio.wait({self._task})

    def _count(self, word: str) -> int:
        return self._former[word] + self._results[word]

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _keep_running(self) -> None:
        await asyncio.sleep(BEGIN_SECONDS)
        loop, pause = asyncio.get_running_loop(), PAUSE_SECONDS
        while not self._closing.is_set():
            began = loop.time()
            code = await self._run_once()
            if self._closing.is_set():
                return
            self._restarts += 1
            pause = PAUSE_SECONDS if loop.time() - began >= STABLE_SECONDS else pause
            logger.warning(
                "the verifier of ranked runs ended (code %d); another one starts in %g s", code, pause
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _run_once(self) -> int:
        """Start the process and wait for its end; return its exit code, negative if a signal killed it."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "dungeonfighter", "serve", *self._words,
                    f"--verifier={theirs.fileno()}", stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),), start_new_session=True, env=self._environ,
                )  # fmt: skip
            except OSError as error:
                ours.close()
                logger.warning("the verifier of ranked runs cannot be started: %s", error)
                return 1
        if self._closing.is_set():
            self._signal(signal.SIGTERM)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            await self._read(reader)
            return await process.wait()
        finally:
            writer.close()
            self._process = None
            self._former.update(self._results)
            self._results.clear()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError, msgspec.MsgspecError):
            while (line := await reader.readline()).endswith(b"\n"):
                tally = msgspec.json.decode(line, type=Tally)
                self._pending, self._results = tally.pending, Counter(tally.results)


def make_verifying(settings: Settings, secrets: Secrets) -> Verifying:
    """Make the verifier of a server, which SIGHUP reaches, too."""
    is_needed = settings.database.kind != "memory" and os.name == "posix"
    verifying = Verifying(*secrets.words(), is_needed=is_needed)
    secrets.call_at_reading(verifying.hang_up)
    return verifying


@contextlib.asynccontextmanager
async def closing(verifying: Verifying) -> AsyncIterator[Verifying]:
    """End the verifier at the end of the block."""
    try:
        yield verifying
    finally:
        await verifying.close()
