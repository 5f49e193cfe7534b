"""A broken release of a producer sends messages through the queue that the ingress cannot process."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, ClassVar, Final

import redis

from drills.fault import Fault as Contract
from dungeonfighter.cli import COMMANDS
from testkit.ports import free_port
from testkit.redis_server import redis_program

_DEAD: Final = "df:dead"
_PRODUCER: Final = str(Path(__file__).resolve().parents[1] / "producer.py")
_START_SECONDS_MAX: Final = 60.0
_LETTERS: Final = 3
"""The fault is visible when there are so many dead letters: both pieces of garbage, and a wrong stream."""


class Fault(Contract):
    summary: ClassVar = "a producer sends messages that the ingress cannot process"
    alert: ClassVar = "IngressDeadLetters"
    severity: ClassVar = "ticket"
    message: ClassVar = "messages went to the dead letters"
    hint: ClassVar = (
        "The owners of the producer correct it meanwhile: after a stop, a start brings the corrected release."
    )
    first_log: ClassVar = "ingress"

    @staticmethod
    def obstacle() -> str:
        if "ingress" not in COMMANDS:
            return "this release has no command `ingress`"
        return "" if redis_program() else "there is no Redis: install redis-server"

    def prepare(self) -> str:
        self.database = f"sqlite:///{self.stage.own_folder('store').resolve()}/games.db"
        self.server = self.stage.server("server-1", self.database).url
        port = free_port()
        self._queue = f"redis://127.0.0.1:{port}/0"
        words = [redis_program() or "", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        self.stage.program("queue", words)
        self._redis: Any = redis.Redis.from_url(self._queue, decode_responses=True)
        self.stage.at_end(self._redis.close)
        _await_port(port)
        health = self._start_ingress()
        self._producer = [sys.executable, _PRODUCER, self._queue]
        self.stage.program("producer", self._producer)
        self.variables = {"QUEUE": self._queue, "INGRESS": health, "PRODUCER": "producer"}
        return self.server

    def _start_ingress(self) -> str:
        listen = f"127.0.0.1:{free_port()}"
        words = [sys.executable, "-m", "dungeonfighter", "ingress", "--queue", self._queue]
        self.stage.program("ingress", [*words, "--db", self.database, "--listen", listen])
        self.stage.scraped.append(("dungeonfighter-ingress", int(listen.rpartition(":")[2])))
        deadline = time.monotonic() + _START_SECONDS_MAX
        while True:
            with (
                contextlib.suppress(urllib.error.URLError),
                urllib.request.urlopen(f"http://{listen}/readyz"),
            ):
                return f"http://{listen}"
            if not self.stage.services.runs("ingress") or time.monotonic() > deadline:
                log = (self.stage.folder / "ingress.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"the ingress did not start: {log[-1000:]}")
            time.sleep(0.1)

    def strike(self) -> None:
        self._producer.append("--faulty")
        self.stage.services.obey(["restart", "producer"])
        self._producer.remove("--faulty")  # from its next start on

    def wrong(self) -> list[str]:
        letters = self._redis.xlen(_DEAD)
        return [f"there are {letters} dead letters"] if letters else []

    def is_visible(self) -> bool:
        return bool(self._redis.xlen(_DEAD) >= _LETTERS)


def _await_port(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise RuntimeError("the queue does not listen")
        time.sleep(0.05)
