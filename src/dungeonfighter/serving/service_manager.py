"""Reports the state of a server to systemd: ready, stopping, alive, in need of more time.

The reports are datagrams to the socket that `NOTIFY_SOCKET` names; without it nothing is sent. Only the main
process reports: `without_socket` keeps the socket from the workers. Each report is sent by the event loop, so
a loop that hangs sends none.

Source: systemd, sd_notify(3), sd_watchdog_enabled(3), systemd.service(5).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from dungeonfighter.serving.background import running

logger = logging.getLogger(__name__)

EXTEND_SECONDS: Final = 5.0
"""The pause between two reports that a start or a drain goes on."""
EXTENSION_SECONDS: Final = 3 * EXTEND_SECONDS
"""The time that each of them asks for."""
SILENCE_SECONDS_MIN: Final = 5.0
"""Workers report once a second; a shorter silence is no sign of trouble on a busy machine."""
_SEND_SECONDS: Final = 0.2
_VARIABLES: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_SERVING: Final = "STATUS=serving"


def without_socket(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for another process, which must not report."""
    return {name: value for name, value in environ.items() if name not in _VARIABLES}


class ServiceManager:
    """The reports of one process.

    Args:
        environ: The environment; `NOTIFY_SOCKET` is a path, or a name in the abstract namespace behind an @.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._watchdog_seconds = _watchdog_seconds(environ) if self._address else 0.0
        self._is_extending = True
        self._is_ready = False
        self._stuck = ""

    @contextlib.asynccontextmanager
    async def reporting(self, stuck: Callable[[float], str] = lambda _: "") -> AsyncIterator[None]:
        """Report signs of life, and that a start or a drain goes on, while the block runs.

        Args:
            stuck: Returns a sentence about a part of the server that has shown no sign of life for so many
                seconds; empty if all is well.
        """
        if not self._address:
            yield
            return
        async with running(self._report(stuck), "reports to the service manager"):
            yield

    def ready(self) -> None:
        """Report that the server accepts connections."""
        self._is_ready, self._is_extending = True, False
        self._send("READY=1", _SERVING)

    def stopping(self) -> None:
        """Report that the drain has begun."""
        self._is_extending = True
        self._send("STOPPING=1", "STATUS=finishing what is in flight", _extension())

    def waiting(self, what: str) -> None:
        """Report what a start waits for."""
        self._send(f"STATUS=waiting for {what}", _extension())

    def reload(self, read: Callable[[], object]) -> None:
        """Report that files are read anew, call `read`, and report that it is done."""
        if not self._is_ready or self._is_extending:  # `READY=1` would end the start too early
            read()
            return
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            read()
        finally:
            self.ready()

    async def _report(self, stuck: Callable[[float], str]) -> None:
        half = self._watchdog_seconds / 2
        pause = min(half, EXTEND_SECONDS) if half else EXTEND_SECONDS
        extended_at = time.monotonic()
        if self._is_extending:
            self._send(_extension())
        while True:
            if half and self._is_ready:
                self._report_life(stuck(max(half, SILENCE_SECONDS_MIN)))
            if self._is_extending and time.monotonic() - extended_at >= EXTEND_SECONDS:
                extended_at = time.monotonic()
                self._send(_extension())
            await asyncio.sleep(pause)

    def _report_life(self, stuck: str) -> None:
        if stuck != self._stuck:
            self._stuck = stuck
            if stuck:
                logger.warning("%s: the watchdog of the service manager gets no sign of life", stuck)
            self._send(f"STATUS={stuck}" if stuck else _SERVING)
        if not stuck:
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
                link.settimeout(_SEND_SECONDS)
                link.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.warning("the service manager cannot be told %s: %s", lines[0], error.strerror or error)


def _extension() -> str:
    return f"EXTEND_TIMEOUT_USEC={int(EXTENSION_SECONDS * 1_000_000)}"


def _address(given: str) -> str:
    if not given or not hasattr(socket, "AF_UNIX"):
        return ""
    if given.startswith("/"):
        return given
    if given.startswith("@"):
        return "\0" + given[1:]
    logger.warning("NOTIFY_SOCKET is no path and no abstract name: the service manager is told nothing")
    return ""


def _watchdog_seconds(environ: Mapping[str, str]) -> float:
    """Return the longest silence that the service manager allows; 0 without a watchdog."""
    given, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if pid and pid != str(os.getpid()):
        return 0.0
    return int(given) / 1_000_000 if given.isascii() and given.isdigit() else 0.0
