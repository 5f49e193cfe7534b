"""Three workers start, and one is killed, while a client opens new connections all the time."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.server_process import ServerProcess

pytestmark = pytest.mark.long
WORKERS = 3
HANGS_SECONDS = 60
ANSWERS_MIN = 300


def answering_pids(server: ServerProcess) -> Iterator[int | None]:
    """Yield the pid of the worker that answered a new connection, None if it was refused or reset, for ever.

    Raises:
        TimeoutError: A worker accepted the connection and does not answer.
    """
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=HANGS_SECONDS)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
            except (ConnectionError, http.client.BadStatusLine):
                yield None
            else:
                assert answer.status == 200
                yield json.load(answer)["pid"]


def serving(server: ServerProcess) -> dict[int, int]:
    """Return the pids of the workers that serve, by number, from the log."""
    found = re.findall(r"worker (\d) serves \(pid (\d+)\)", server.log.read_text())
    return {int(number): int(pid) for number, pid in found}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path, flags=("--workers", str(WORKERS)))
    made.launch()
    yield made
    made.kill()


def test_every_connection_after_the_first_answer_is_answered(server: ServerProcess) -> None:
    pids = answering_pids(server)
    first = next(pid for pid in pids if pid is not None)
    while len(serving(server)) < WORKERS:
        assert next(pids) is not None
    answered = {first, *itertools.islice(pids, ANSWERS_MIN)}
    assert answered <= set(serving(server).values())
    log = server.log.read_text()
    assert log.rindex(" can serve ") < log.index(" serves ")


def test_while_a_killed_worker_is_replaced_no_two_connections_in_a_row_fail(
    server: ServerProcess,
) -> None:
    pids = answering_pids(server)
    while len(before := serving(server)) < WORKERS:
        next(pids)
    os.kill(before[1], signal.SIGKILL)
    seen = [next(pids)]
    while seen[-1] != serving(server)[1] or seen[-1] == before[1] or len(seen) < ANSWERS_MIN:
        seen.append(next(pids))
        assert seen[-2:] != [None, None]
    assert {serving(server)[number] for number in (0, 2)} == {before[0], before[2]}
    assert set(seen) >= set(serving(server).values())
