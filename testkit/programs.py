"""Programs of the operating system that run until the end of a block."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS_MAX = 30.0


class Program:
    """A program that runs until the end of a block, with its output in a file.

    Args:
        command: The program and its arguments.
        log: The file.
        environ: Variables besides those of this process.
        is_up: Returns True when it works.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environ: Mapping[str, str], is_up: Callable[[], bool]
    ) -> None:
        self.command = [*command]
        self.log = log
        self.environ = dict(environ)
        self._is_up = is_up
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environ},
            )  # fmt: skip
        try:
            self.wait_until(self._is_up)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; fail with the log if the program has ended or the wait is too long."""
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.command[0]}:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.01)

    def stop(self) -> None:
        """End the program with SIGTERM; if it does not end, kill it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
