"""20,000 hostile requests: each is refused, none breaks the server, and its memory stays flat."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from testkit.hostile_client import attack
from testkit.hostile_requests import HostileRequests
from testkit.server_process import ServerProcess
from tests.integration.test_jwt import Served
from tests.integration.test_tokens import Client, make_token
from tests.provider import Provider

REQUESTS, FIRST = 20_000, 5_000
GROWTH_BYTES_MAX = 8_000_000
FLAGS = ("--auth=tokens", "--trusted-proxies=127.0.0.1,10.0.0.0/8", "--connections-per-address=1000")


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_hostile_requests_are_refused_at_no_cost(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, flags=FLAGS) as server:
        token = make_token(server.database, "--fleet", "a", "--bots", "ada", "--scopes", "play,fleet,balance")
        client = Client(server)
        client.await_status(token, 200)
        assert client.call(token, "start_new_game", {"weapon": "mace"})[0] is False
        before = client.call(token, "get_game_state", {})
        requests = HostileRequests(20_261_129, token)
        first = asyncio.run(attack(server.port, requests, FIRST))
        bytes_before = resident_bytes(server.process_id)
        rest = asyncio.run(attack(server.port, requests, REQUESTS - FIRST))
        grown = resident_bytes(server.process_id) - bytes_before
        assert first.wrong + rest.wrong == []
        assert (first.outcomes + rest.outcomes).total() == REQUESTS
        assert client.call(token, "get_game_state", {}) == before
        log = server.log.read_text()
        assert "Traceback" not in log, log
        assert token[12:] not in log
        assert grown < GROWTH_BYTES_MAX


def test_some_hostile_requests_are_refused(tmp_path: Path) -> None:
    """The beginning of the same without a valid token, and with proxies that speak the PROXY protocol."""
    flags = ("--auth=tokens", "--trusted-proxies=10.0.0.0/8", "--proxy-header=proxy-protocol")
    with ServerProcess(tmp_path, flags=flags) as server:
        verdict = asyncio.run(attack(server.port, HostileRequests(7), 500))
        assert verdict.wrong == []
        assert "Traceback" not in server.log.read_text()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_hostile_requests_are_refused_by_a_server_with_an_identity_provider(tmp_path: Path) -> None:
    with Provider() as provider:
        served = Served(tmp_path, provider, "--trusted-proxies=127.0.0.1", "--connections-per-address=1000")
        with served.server as server:
            token = served.token(bots="ada")
            assert served.call(token, "start_new_game", {"weapon": "mace"})[0] == 200
            before = served.call(token, "get_game_state", {})[1]
            verdict = asyncio.run(attack(server.port, HostileRequests(20_261_130, token), FIRST))
            assert verdict.wrong == []
            assert verdict.outcomes.total() == FIRST
            assert served.call(token, "get_game_state", {})[1] == before
            assert "Traceback" not in server.log.read_text()


def resident_bytes(pid: int) -> int:
    (line,) = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in one]
    return int(line.split()[1]) * 1024
