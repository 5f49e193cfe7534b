"""Our server beside what people would use instead: `python -m bench.side_by_side`.

Every server has one core, the load generator another; repeats are interleaved, the table has medians and
ratios of the same run. Ours plays and commits (SQLite, `synchronous=FULL`); the others answer a constant
from a trivial tool, or no tool at all. FastMCP is installed into an environment of its own, or left out where
that cannot be done.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.load import LEGACY, MODERN
from tests.ports import free_port

_RESULTS: Final = Path("bench-results")
_PEERS: Final = Path(__file__).parent / "peers"
_ENVIRONMENT: Final = _RESULTS / "peers-venv"
_FASTMCP: Final = "fastmcp==4.1.2"
_CONNECTIONS: Final = 64
_BOTS: Final = 2000
_START_SECONDS_MAX: Final = 60.0


class Contestant(NamedTuple):
    """A server and the era it is spoken to in; `command(port, folder)` starts it; `plays`: real games."""

    name: str
    era: str
    command: Callable[[int, Path], list[str]]
    plays: bool = False


def main() -> int:
    """Run the contest, print the table, write `bench-results/side_by_side.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    asked = parser.parse_args()
    contestants = list(_contestants())
    rates: dict[str, list[float]] = {one.name: [] for one in contestants}
    tails: dict[str, list[float]] = {one.name: [] for one in contestants}
    for repeat in range(asked.repeats):
        for one in contestants:
            told = _measure(one, asked.seconds)
            if told["errors"]:
                print(f"{one.name}: {told['errors']} errors: {told['example']}", file=sys.stderr)
                return 1
            rates[one.name].append(told["per_second"])
            tails[one.name].append(told["p99_ms"])
            print(f"{repeat + 1}/{asked.repeats} {one.name}: {told['per_second']:.0f}/s", file=sys.stderr)
    _tell(contestants, rates, tails)
    return 0


def _contestants() -> Iterator[Contestant]:
    here = sys.executable
    yield Contestant("bare ASGI, a constant", MODERN, lambda *_: [here, str(_PEERS / "bare.py")])
    ours = _ours(here)
    yield Contestant("ours, durable turns", MODERN, ours, plays=True)
    yield Contestant("ours, durable turns, 2025-11-25", LEGACY, ours, plays=True)
    yield Contestant(
        "ours, all through the SDK", MODERN, lambda *_: [here, "-m", "bench.peers.long_way"], plays=True
    )
    official = str(_PEERS / "official.py")
    yield Contestant("official SDK, trivial tool", MODERN, lambda *_: [here, official])
    yield Contestant("official SDK, trivial tool, 2025-11-25", LEGACY, lambda *_: [here, official])
    python = _fastmcp()
    if python:
        peer = str(_PEERS / "fastmcp_server.py")
        yield Contestant("FastMCP, trivial tool", MODERN, lambda *_: [python, peer])


def _ours(python: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: [
        python, "-m", "dungeonfighter", "serve", "--port", str(port), "--db", f"sqlite:///{folder}/games.db"
    ]  # fmt: skip


def _fastmcp() -> str:
    """The interpreter of the environment with FastMCP in it; "" where it cannot be made."""
    python = _ENVIRONMENT / "bin" / "python"
    if not python.exists():
        print(f"installing {_FASTMCP} into {_ENVIRONMENT}", file=sys.stderr)
        venv.create(_ENVIRONMENT, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", _FASTMCP], check=False)
    if done.returncode:
        print(f"{_FASTMCP} cannot be installed here: it is left out", file=sys.stderr)
        return ""
    return str(python)


def _measure(one: Contestant, seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, _running(one, Path(folder)) as port:
        if one.plays:
            _load(port, 0, "begin")
        return _load(port, seconds, one.era)


def _load(port: int, seconds: float, era: str) -> dict[str, float]:
    words = [str(port), str(seconds), str(_CONNECTIONS), str(_BOTS), era]
    command = [sys.executable, "-m", "bench.load", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=_on_core(1))
    told: dict[str, float] = json.loads(done.stdout) if done.stdout else {}
    return told


@contextmanager
def _running(one: Contestant, folder: Path) -> Iterator[int]:
    port = free_port()
    environ = {**os.environ, "PORT": str(port), "DATABASE": f"sqlite:///{folder}/games.db"}
    server = subprocess.Popen(
        one.command(port, folder), env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=_on_core(0),  # noqa: PLW1509 (no threads here)
    )  # fmt: skip
    try:
        _wait_for(port, server)
        yield port
    finally:
        server.kill()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while server.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("a server did not start")


def _on_core(number: int) -> Callable[[], None]:
    """Pin to one of two cores, where there are two and it can be done."""

    def pin() -> None:
        if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
            os.sched_setaffinity(0, {cores[number]})

    return pin


def _tell(
    contestants: list[Contestant], rates: dict[str, list[float]], tails: dict[str, list[float]]
) -> None:
    ours = statistics.median(rates["ours, durable turns"])
    rows = [
        {
            "what": one.name, "era": one.era, "per_second": statistics.median(rates[one.name]),
            "p99_ms": statistics.median(tails[one.name]), "all": rates[one.name],
            "ours_is": ours / statistics.median(rates[one.name]),
        }
        for one in contestants
    ]  # fmt: skip
    print(f"{'':42} calls/s   p99 ms   ours is")
    for row in rows:
        print(f"{row['what']:42} {row['per_second']:7.0f} {row['p99_ms']:8.1f} {row['ours_is']:8.2f}x")
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "side_by_side.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    sys.exit(main())
