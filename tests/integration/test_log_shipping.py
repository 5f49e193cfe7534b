"""The log of a real server goes through a real rsyslog into an index, which is away for half a minute."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from testkit.server_process import ServerProcess
from tests.integration.bulk_endpoint import BulkEndpoint
from tests.integration.served import WAIT_SECONDS, until
from tests.parts import program
from tests.unit.house.sources import ROOT
from tests.unit.telemetry.ecs_fields import OWN_FIELDS, problems_of

CONFIGURATION: Final = ROOT / "deploy" / "rsyslog" / "dungeonfighter.conf"
LINES: Final = 100_000
BOTS: Final = 500
PLAYERS: Final = 3
AWAY_AFTER: Final = 10_000
AWAY_SECONDS: Final = 30
PATIENCE_SECONDS: Final = 180
patiently: Final = partial(until, seconds=PATIENCE_SECONDS)

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]


@contextmanager
def rsyslog(folder: Path, port: int) -> Iterator[None]:
    """Run rsyslog with the product's configuration, whose folder and port are those of the test."""
    daemon = program("rsyslogd", part="rsyslog")
    (folder / "spool").mkdir()
    text = CONFIGURATION.read_text()
    own = re.sub("/var/log/dungeonfighter", str(folder), text).replace('"9200"', f'"{port}"')
    assert text.count('"9200"') == 1
    (folder / "dungeonfighter.conf").write_text(own)
    main = folder / "rsyslog.conf"
    main.write_text(
        f'global(workDirectory="{folder}/spool")\ninclude(file="{folder}/dungeonfighter.conf")\n'
        f'action(type="omfile" file="{folder}/rsyslog.log")\n'
    )
    checked = subprocess.run(
        [daemon, "-N1", "-f", main], check=False, capture_output=True, text=True, timeout=WAIT_SECONDS
    )
    assert checked.returncode == 0, checked.stderr
    with (folder / "rsyslog.err").open("w") as errors:
        running = subprocess.Popen(
            [daemon, "-n", "-f", main, "-i", folder / "rsyslog.pid"], stdout=errors, stderr=errors
        )
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:  # rsyslog 8.2302 at times does not end under load
            running.kill()
            running.wait(WAIT_SECONDS)


class Player(threading.Thread):
    """Plays all its bots at once, again and again, until it is stopped; keeps what was not answered well."""

    def __init__(self, server: ServerProcess, number: int) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._bots = [f"bot-{number}-{bot}" for bot in range(BOTS)]
        self.stopping = threading.Event()
        self.calls = 0
        self.bad: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=WAIT_SECONDS)
        inputs: dict[str, Any] = {"start": {"weapon": "mace"}}
        while not self.stopping.is_set():
            steps = [{"botId": bot, **inputs} for bot in self._bots]
            params = {"name": "step_many", "arguments": {"steps": steps}}
            call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
            connection.request(
                "POST", "/mcp", json.dumps(call),
                {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"},
            )  # fmt: skip
            answer = connection.getresponse().read().decode()
            if '"isError":false' not in answer or "store_unavailable" in answer:
                self.bad.append(answer[:500])
            self.calls += 1
            inputs = {"input": "1"}


def ids_in(*files: Path) -> list[str]:
    """Return the ids of all lines, which must be whole and in the schema."""
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [
        problem for line in lines[:: len(lines) // 500] for problem in problems_of(line, OWN_FIELDS)
    ] == []
    return [line["event"]["id"] for line in lines]


def test_no_line_is_lost_and_none_doubled_while_the_index_is_away(tmp_path: Path) -> None:
    file, former = tmp_path / "server.log", tmp_path / "server-1.log"
    endpoint = BulkEndpoint()
    endpoint.listen()
    flags = ("--log-format=ecs", "--log-level=debug", "--workers=3", f"--log-file={file}")
    folder = tmp_path / "server"
    folder.mkdir()
    with rsyslog(tmp_path, endpoint.port), ServerProcess(folder, flags=flags) as server:
        players = [Player(server, number) for number in range(PLAYERS)]
        for player in players:
            player.start()
        patiently(lambda: len(endpoint.documents) > AWAY_AFTER, "nothing arrives")
        endpoint.losing = 1
        patiently(lambda: not endpoint.losing, "no request came")
        endpoint.leave()
        away_until = time.monotonic() + AWAY_SECONDS
        calls = [player.calls for player in players]
        file.rename(former)
        server.signal(signal.SIGHUP)
        patiently(file.exists, "the file was not opened anew")
        patiently(lambda: played_since(players, calls), "the bots wait for the index")
        patiently(lambda: sum(player.calls for player in players) * BOTS > LINES, "too slow")
        for player in players:
            player.stopping.set()
            player.join(WAIT_SECONDS)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        patiently(lambda: time.monotonic() > away_until, "time stands still")
        arrived = len(endpoint.documents)
        endpoint.listen()
        written = ids_in(former, file)
        patiently(lambda: len(endpoint.documents) >= len(written), f"{len(written)} lines, less documents")
    assert [player.bad[:1] for player in players] == [[]] * PLAYERS
    assert len(written) > LINES
    assert len(written) == len(set(written))
    assert arrived < len(written), "the index was not missed"
    assert set(endpoint.documents) == set(written)
    assert endpoint.repeated, "no line was sent twice, so its id was not needed"


def played_since(players: list[Player], calls: list[int]) -> bool:
    return all(player.calls > before for player, before in zip(players, calls, strict=True))
