"""Limits on calls a second with three real workers: one fleet, one rate, whatever worker a caller reaches."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from testkit.server_process import ServerProcess

RATE = 60
BURST_SECONDS = 2
WORKERS = 3
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


class Caller:
    """Reads one game over one connection, and so from one worker, as fast as the answers come."""

    def __init__(self, server: ServerProcess) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.admitted = 0
        self.refusals: list[Any] = []

    def call(self, tool: str = "get_game_state", **arguments: Any) -> tuple[int, Any]:
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        self._connection.request("POST", "/mcp", json.dumps(message), HEADERS)
        answer = self._connection.getresponse()
        body = json.loads(answer.read())
        if answer.status == 429:
            self.refusals.append((body, answer.headers["Retry-After"]))
        else:
            assert answer.status == 200, body
            self.admitted += 1
        return answer.status, body

    def call_for(self, seconds: float) -> float:
        """Call for so long; return the seconds that it took."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self.call()
        return time.monotonic() - began

    def worker(self) -> int:
        self._connection.request("GET", "/readyz")
        number: int = json.load(self._connection.getresponse())["worker"]
        return number

    def close(self) -> None:
        self._connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("rates")
    with ServerProcess(folder, flags=[f"--workers={WORKERS}", f"--rate-per-fleet={RATE}"]) as started:
        yield started


@pytest.fixture
def callers(server: ServerProcess) -> Iterator[list[Caller]]:
    """One caller of each worker."""
    with contextlib.ExitStack() as stack:
        found: dict[int, Caller] = {}
        while len(found) < WORKERS:
            caller = Caller(server)
            stack.callback(caller.close)
            found.setdefault(caller.worker(), caller)
        yield list(found.values())


def test_one_connection_gets_the_whole_rate_of_its_fleet(callers: list[Caller]) -> None:
    one = callers[0]
    one.call_for(3)
    one.admitted = 0
    seconds = one.call_for(5)
    assert RATE / WORKERS * seconds * 2 < one.admitted <= RATE * seconds * 1.1 + 1


def test_all_workers_together_keep_to_the_rate(callers: list[Caller]) -> None:
    callers[0].call_for(2)  # what was saved up is spent
    for caller in callers:
        caller.admitted = 0
    began = time.monotonic()
    threads = [threading.Thread(target=caller.call_for, args=(6,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    admitted = sum(caller.admitted for caller in callers)
    assert RATE * seconds * 0.7 < admitted <= RATE * seconds * 1.1 + 1


def test_a_refusal_says_why_and_until_when(callers: list[Caller]) -> None:
    caller = callers[0]
    while not caller.refusals:
        caller.call()
    body, header = caller.refusals[0]
    data = body["error"]["data"]
    assert (body["id"], body["error"]["code"], data["code"]) == (1, -32000, "rate_limited")
    assert data["retryAfterSeconds"] == int(header) >= 1
    assert f"the fleet local has used up its {RATE} calls a second; try again in" in body["error"]["message"]


def test_each_step_costs_one_call_and_a_refused_step_is_a_result(callers: list[Caller]) -> None:
    caller = callers[1]
    while not caller.refusals:
        caller.call()
    steps = [{"botId": f"bot-{number}", "start": {}} for number in range(3 * RATE)]
    status, body = caller.call("step_many", steps=steps)
    assert status == 200
    codes = [row.get("code") for row in body["result"]["structuredContent"]["results"]]
    assert codes.count("rate_limited") > 2 * RATE
    assert set(codes) == {None, "rate_limited"} or set(codes) == {"rate_limited"}
