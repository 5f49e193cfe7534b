"""The latency of a fleet within its rate, alone and beside a fleet that sends ten times its rate.

`python -m bench.two_fleets PORT TOKEN` is the loud fleet, in a process of its own.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import rows
from bench.load import GOOD, MODERN, Connection, bot_name, tool_call
from bench.options import Options, Progress
from bench.servers import Failed
from bench.table import Figure
from testkit.server_process import ServerProcess

_RATE: Final = 100
_LOUD: Final = 10
_QUIET_PART: Final = 0.8
"""The part of its rate that the quiet fleet uses."""
_BOTS: Final = 20
_WINDOW_SECONDS: Final = 5.0
_MEMORY: Final = Path("/dev/shm")
_FIGURES: Final = (rows.QUIET_ALONE, rows.QUIET_BESIDE)


def seconds(options: Options) -> float:
    """Return about how long the part takes."""
    return (4 + options.repeats * 2 * _WINDOW_SECONDS) if options.figures.intersection(_FIGURES) else 0.0


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Measure both in turn, in one server."""
    if not options.figures.intersection(_FIGURES):
        return {}
    progress.step("a fleet beside a loud one", seconds(options))
    alone, beside = Figure(), Figure()
    memory = _MEMORY if _MEMORY.is_dir() else None  # a disk pauses for longer than any fleet may wait
    with tempfile.TemporaryDirectory(prefix="fleets-", dir=memory) as folder:
        server = ServerProcess(Path(folder), flags=["--auth=tokens", f"--rate-per-fleet={_RATE}"])
        quiet, loud = (_token(server, fleet) for fleet in ("quiet", "loud"))
        try:
            with server:
                player = _Player(server.port, quiet)
                for _ in range(options.repeats):
                    alone.repeats.append(player.p99_ms(_WINDOW_SECONDS))
                    with _loud_fleet(server.port, loud):
                        beside.repeats.append(player.p99_ms(_WINDOW_SECONDS))
        except Failed as error:
            return {name: Figure(void=str(error)) for name in _FIGURES}
    beside.note = f"{_LOUD * _RATE} calls/s beside {_QUIET_PART * _RATE:.0f}, each fleet may send {_RATE}"
    return dict(zip(_FIGURES, (alone, beside), strict=True))


class _Player:
    """The quiet fleet: bots with a connection each, and calls at fixed times."""

    def __init__(self, port: int, token: str) -> None:
        self._connections = [Connection(port) for _ in range(_BOTS)]
        self._plays = [_call("handle_input", number, '"input":"1"', token) for number in range(_BOTS)]
        for number, connection in enumerate(self._connections):
            time.sleep(1 / _RATE)
            connection.send(_call("start_new_game", number, '"weapon":"mace"', token))
            self._check(connection.answer())

    def p99_ms(self, seconds: float) -> float:
        """Play for so long; return the latency that 99 % of the calls do not exceed, from their due times."""
        taken = []
        due = time.perf_counter() + 0.1
        pause = 1 / (_RATE * _QUIET_PART)
        for number in range(round(seconds / pause)):
            due += pause
            time.sleep(max(0.0, due - time.perf_counter()))
            connection = self._connections[number % _BOTS]
            connection.send(self._plays[number % _BOTS])
            self._check(connection.answer())
            taken.append(time.perf_counter() - due)
        taken.sort()
        return taken[len(taken) * 99 // 100] * 1000

    def _check(self, answer: bytes) -> None:
        """Raise `Failed` if a call within the rate was refused."""
        if GOOD not in answer and b"run_over" not in answer:
            raise Failed(f"the quiet fleet was refused: {answer[-300:].decode(errors='replace')}")


@contextmanager
def _loud_fleet(port: int, token: str) -> Iterator[None]:
    words = [sys.executable, "-m", "bench.two_fleets", str(port), token]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()  # its burst is spent
        try:
            yield
        finally:
            process.kill()


def _be_loud(port: int, token: str) -> None:
    connections = [Connection(port) for _ in range(_BOTS)]
    requests = [_call("get_game_state", number, "", token) for number in range(_BOTS)]
    began = time.perf_counter()
    for count in itertools.count():
        due = began + count / (_LOUD * _RATE)
        time.sleep(max(0.0, due - time.perf_counter()))
        connection = connections[count % _BOTS]
        connection.send(requests[count % _BOTS])
        connection.answer()
        if count == _LOUD * _RATE:
            print("loud", flush=True)


def _call(tool: str, bot: int, arguments: str, token: str) -> bytes:
    request = tool_call(tool, bot_name(bot), arguments, MODERN)
    return request.replace(b"Host: ", f"Authorization: Bearer {token}\r\nHost: ".encode(), 1)


def _token(server: ServerProcess, fleet: str) -> str:
    words = ("token", "create", "--fleet", fleet, "--db", f"sqlite:///{server.database}")
    made = subprocess.run(
        [sys.executable, "-m", "dungeonfighter", *words], check=True, capture_output=True, text=True
    )
    return made.stdout.strip()


if __name__ == "__main__":
    _be_loud(int(sys.argv[1]), sys.argv[2])
