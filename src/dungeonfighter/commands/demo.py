"""The command `demo`: a real server, 200 bots that really play on it over MCP, and a page to watch them.

The server runs in a process of its own; this process plays the bots. The demonstration ends after `--seconds`
(or `DEMO_SECONDS`) or at Ctrl-C: it stops the bots, looks up every acknowledged turn in the server's store
and stops the server in good order. The exit code is 0 only if no turn was lost.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from dungeonfighter.bots.registry import BUDGETS, make_policy, policies
from dungeonfighter.commands.numbers import amount, count
from dungeonfighter.commands.outcomes import CommandFailed, CommandInterrupted
from dungeonfighter.errors import SettingsError
from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.load import LoadOptions
from dungeonfighter.fleet.report import table
from dungeonfighter.fleet.verified_load import load_and_verify
from dungeonfighter.serving.event_loop import run_on_fastest_loop

FOLDER: Final = Path(".demo")
FIRST_PORT: Final = 8000
PORTS_TRIED: Final = 20
START_SECONDS_MAX: Final = 60.0
STOP_SECONDS_MAX: Final = 30.0
LOG_LINES_SHOWN: Final = 15


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    # fmt: off
    add("--bots", type=count, default=200, metavar="N", help="how many bots play (default: %(default)s)")
    add("--policy", default="heuristic", metavar="P",
        help=f"how they play: {', '.join(policies)}; {BUDGETS} (default: %(default)s)")
    add("--rate", type=amount, default=400.0, metavar="R",
        help="turns a second of all bots together; 0 = as fast as answered (default: %(default)g)")
    add("--seconds", type=amount, default=None, metavar="S",
        help="how long; 0 = until Ctrl-C (default: 0) [DEMO_SECONDS]")
    # fmt: on


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration; return 0 if it ended in good order and no turn was lost.

    Raises:
        BadInput, SettingsError: An argument cannot work.
        CommandFailed: The server did not start or did not end in good order, or the load failed.
    """
    make_policy(arguments.policy)
    seconds = _seconds(arguments.seconds)
    port = _free_port()
    origin = f"http://127.0.0.1:{port}"
    progress = _Progress()
    with _server(port) as server:
        _await_ready(server, port)
        ending = f"for {seconds:g} s" if seconds else "until Ctrl-C"
        print(f"\n  Watch them play:  {origin}/\n  Play along (MCP): {origin}/mcp\n", flush=True)
        players = "1 bot plays" if arguments.bots == 1 else f"{arguments.bots} bots play"
        print(f"{players} {ending}, policy {arguments.policy}", flush=True)
        options = LoadOptions(
            url=origin,
            bots=arguments.bots,
            policy=arguments.policy,
            rate=arguments.rate,
            seconds=seconds,
            prefix="demo",
            habits=Habits(view="json"),
        )
        try:
            report = run_on_fastest_loop(load_and_verify(options, progress.show))
        except KeyboardInterrupt:
            progress.end()
            raise CommandInterrupted("interrupted before the verification was done") from None
        progress.end()
    print(f"\n{table(report)}\n", flush=True)
    if not report.passed:
        raise CommandFailed(f"failed: {report.failure}")
    if server.returncode != 0:
        raise CommandFailed(f"the server ended with exit code {server.returncode}{_log_end(port)}")
    print(
        "Nothing was lost: every turn that the server acknowledged is in its store. "
        "The server stopped cleanly.",
        flush=True,
    )
    return 0


def _seconds(flag: float | None) -> float:
    text = os.environ.get("DEMO_SECONDS", "").strip()
    try:
        seconds = flag if flag is not None else float(text or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < 1e9:
        raise SettingsError([f"DEMO_SECONDS: {text[:40]!r} must be a number of seconds; 0 = until Ctrl-C"])
    return seconds


def _free_port() -> int:
    for port in (*range(FIRST_PORT, FIRST_PORT + PORTS_TRIED), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise CommandFailed("no port is free on 127.0.0.1; end another server first")


@contextlib.contextmanager
def _server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server on a fresh database; the exit of the block stops it in good order.

    Ctrl-C does not reach the server, because it must answer the verification. If this process dies, the
    server stops by itself.
    """
    try:
        FOLDER.mkdir(exist_ok=True)
        for old in FOLDER.glob(f"{port}.db*"):
            old.unlink()
        log = _log_file(port).open("wb")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandFailed(f"cannot write in {FOLDER.resolve()}: {why}; run it in another folder") from None
    command = [sys.executable, "-m", "dungeonfighter", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--db", f"sqlite:///{FOLDER}/{port}.db", "--until-stdin-closes"]
    with log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_plain_environment(),
        )
    try:
        yield server
    finally:
        if server.stdin is not None:
            server.stdin.close()
        try:
            server.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _plain_environment() -> dict[str, str]:
    """Return the environment without the settings of another server."""
    from dungeonfighter.setting_fields import FIELDS

    foreign = {variable for field in FIELDS for variable in field.all_variables}
    return {name: value for name, value in os.environ.items() if name not in foreign}


def _await_ready(server: subprocess.Popen[bytes], port: int) -> None:
    """Return as soon as the server is ready.

    Raises:
        CommandFailed: The server ended, or was not ready in time; the message has the end of its log.
    """
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=1)) as connection,
        ):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise CommandFailed(f"the server did not start{_log_end(port)}")


def _log_file(port: int) -> Path:
    return FOLDER / f"{port}.log"


def _log_end(port: int) -> str:
    lines = _log_file(port).read_text(encoding="utf-8", errors="replace").splitlines()
    shown = "\n".join(f"  {line}" for line in lines[-LOG_LINES_SHOWN:])
    return f"; the end of {_log_file(port)}:\n{shown}"


class _Progress:
    """Shows progress: on a terminal in one line that changes, elsewhere in a new line every 5 s."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._open = False
        self._lines = 0

    def show(self, line: str) -> None:
        if self._live:
            shown = line[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be replaced
            print(f"\r\x1b[K{shown}", end="", flush=True)
            self._open = True
        elif self._lines % 5 == 0 or line.startswith("verifying"):
            print(line, flush=True)
        self._lines += 1

    def end(self) -> None:
        """End the line that changes; what is printed next begins a new one."""
        if self._open:
            print(flush=True)
            self._open = False
