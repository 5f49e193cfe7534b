"""Three workers start, and one is killed, while a client opens new connections all the time (E12)."""

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


def tries(server: ServerProcess) -> Iterator[int | None]:
    """Ask again and again, each time over a new connection: who answered, None if none took it.

    Raises:
        TimeoutError: A connection was taken, and nobody answers.
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
    """The processes that serve, by the number of the worker, as the log has it now."""
    told = re.findall(r"worker (\d) serves \(pid (\d+)\)", server.log.read_text())
    return {int(number): int(pid) for number, pid in told}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    made = ServerProcess(tmp_path, flags=("--workers", str(WORKERS)))
    made.launch()
    yield made
    made.kill()


def test_from_the_first_answer_on_every_connection_is_answered(server: ServerProcess) -> None:
    asked = tries(server)
    first = next(pid for pid in asked if pid is not None)
    while len(serving(server)) < WORKERS:
        assert next(asked) is not None
    answered = {first, *itertools.islice(asked, ANSWERS_MIN)}
    assert answered <= set(serving(server).values())
    log = server.log.read_text()
    assert log.rindex(" can serve ") < log.index(" serves ")


def test_while_a_killed_worker_is_replaced_every_second_try_is_answered_at_the_latest(
    server: ServerProcess,
) -> None:
    asked = tries(server)
    while len(before := serving(server)) < WORKERS:
        next(asked)
    os.kill(before[1], signal.SIGKILL)
    seen = [next(asked)]
    while seen[-1] != serving(server)[1] or seen[-1] == before[1] or len(seen) < ANSWERS_MIN:
        seen.append(next(asked))
        assert seen[-2:] != [None, None]
    assert {serving(server)[number] for number in (0, 2)} == {before[0], before[2]}
    assert set(seen) >= set(serving(server).values())
