"""Traces of real servers, sent over real connections to a collector in this process."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dungeonfighter.telemetry.span_metrics import QUEUE_CALLS_MAX
from testkit.ports import free_port
from testkit.server_process import ServerProcess
from testkit.span_receiver import SpanReceiver, attributes_of, receiving
from tests.integration.served import PLAY, Served, until
from tests.integration.test_secrets import everything_shown, workers_of
from tests.protocol.served import JSON_HEADERS

TRACE, SPAN = "ab" * 16, "cd" * 8
FIRST_KEY, SECOND_KEY = "Planted-Key-51c0", "Planted-Key-77ef"
PROTOCOLS = ("grpc", "http/protobuf")
FROZEN_SECONDS = 60

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="this system does not show loaded libraries in /proc"
)


def environ_of(receiver: SpanReceiver, **others: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": receiver.protocol,
        "OTEL_TRACES_SAMPLER_ARG": "1",
        **others,
    }


def has_loaded(process_id: int, library: str) -> bool:
    return library in Path(f"/proc/{process_id}/maps").read_text()


def metric(server: ServerProcess, name: str) -> float:
    """Return the sum of all series of a metric; 0 if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (.*)$", text, re.MULTILINE)))


def play(server: ServerProcess, bot: str, **headers: str) -> None:
    """Begin a run and play one turn, each over a connection of its own."""
    for tool, arguments in (("start_new_game", {"weapon": "mace"}), (PLAY, {"input": "1"})):
        params = {"name": tool, "arguments": arguments}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", f"/bots/{bot}/mcp", json.dumps(body), JSON_HEADERS | headers)
        assert json.loads(connection.getresponse().read())["result"]["isError"] is False
        connection.close()


def test_a_server_sends_its_traces_and_shows_no_key(tmp_path: Path) -> None:
    keys = tmp_path / "headers"
    keys.write_text(f"x-api-key={FIRST_KEY}")
    with receiving("http/protobuf") as receiver:
        environ = environ_of(
            receiver, OTEL_EXPORTER_OTLP_HEADERS_FILE=str(keys), OTEL_SERVICE_NAME="game",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,team=a%20b", INSTANCE_ID="one",
        )  # fmt: skip
        with ServerProcess(tmp_path, environ=environ) as server:
            play(server, "ada", traceparent=f"00-{TRACE}-{SPAN}-01")
            roots = receiver.wait_for_roots(2)
            assert receiver.headers["x-api-key"] == FIRST_KEY
            keys.write_text(f"x-api-key={SECOND_KEY}")
            server.signal(signal.SIGHUP)
            until(lambda: "changed: OTEL_EXPORTER_OTLP_HEADERS_FILE" in server.log.read_text())
            play(server, "eve")
            roots = receiver.wait_for_roots(4)
            assert receiver.headers["x-api-key"] == SECOND_KEY
            until(lambda: metric(server, "mcp_spans_sent_total") == len(receiver.spans))  # after the answer
            assert metric(server, "mcp_spans_dropped_total") == 0
            assert has_loaded(server.process_id, "google/_upb")
            assert not has_loaded(server.process_id, "cygrpc")
            shown = everything_shown(server)
            assert FIRST_KEY not in shown
            assert SECOND_KEY not in shown
            play(server, "kai")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
        assert len(receiver.roots()) == 6  # the end sends what waits
    turn = next(root for root in roots if attributes_of(root).get("gen_ai.tool.name") == PLAY)
    assert (turn.trace_id.hex(), turn.parent_span_id.hex()) == (TRACE, SPAN)
    names = [span.name for span in receiver.children(turn)]
    assert names == ["decode", "admit", "apply", "commit"]
    commit = attributes_of(receiver.children(turn)[-1])
    assert commit == {"db.system.name": "sqlite", "db.operation.batch.size": 1}
    assert abs(turn.start_time_unix_nano / 1e9 - time.time()) < 600
    resource = receiver.spans[0][1]
    assert resource["service.name"] == "game"
    assert resource["service.instance.id"] == "one"
    assert (resource["deployment.environment.name"], resource["team"]) == ("test", "a b")


def test_the_log_of_a_slow_turn_and_an_exemplar_name_the_trace(tmp_path: Path) -> None:
    with receiving("http/protobuf") as receiver:
        flags = ["--log-format=json", "--slow-turn-milliseconds=1"]
        with ServerProcess(tmp_path, flags=flags, environ=environ_of(receiver)) as server:

            def slow_turns() -> list[dict[str, object]]:
                play(server, "ada")
                lines = [json.loads(line) for line in server.log.read_text().splitlines()]
                return [line for line in lines if line.get("event") == "slow-turn"]

            until(lambda: bool(slow_turns()))
            logged = {line.get("trace_id") for line in slow_turns()}
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
            text = connection.getresponse().read().decode()
            connection.close()
            exemplars = set(re.findall(r'mcp_response_time_seconds_bucket.* # {trace_id="(\w+)"}', text))
            server.signal(signal.SIGTERM)
            server.wait()
        sent = {span.trace_id.hex() for span, _ in receiver.spans}
    assert logged <= sent
    assert exemplars
    assert exemplars <= sent


def test_a_server_without_traces_loads_no_library_of_theirs(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        play(server, "ada", traceparent=f"00-{TRACE}-{SPAN}-01")
        for library in ("google/_upb", "cygrpc"):
            assert not has_loaded(server.process_id, library)
        assert metric(server, "mcp_spans_sent_total") == 0


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_server_ends_although_its_collector_does_not_answer(tmp_path: Path, protocol: str) -> None:
    with receiving(protocol) as receiver:
        receiver.freeze()
        with ServerProcess(tmp_path, environ=environ_of(receiver)) as server:
            play(server, "ada")
            until(lambda: receiver.attempts > 0)
            play(server, "eve")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0  # the collector is still frozen
            assert "were not sent to http://127.0.0.1" in server.log.read_text()


def test_a_missing_package_is_named_at_the_start() -> None:
    script = (
        "import sys; sys.modules['grpc'] = None; from dungeonfighter.cli import main; "
        "sys.exit(main(['serve', '--db', 'memory://', '--port', '0', '--otlp-protocol', 'grpc', "
        "'--otlp-endpoint', 'http://127.0.0.1:9']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 2
    assert "pip install '.[traces]' in the checkout, or leave it out" in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_three_workers_send_what_their_callers_began(tmp_path: Path, protocol: str) -> None:
    bots = [f"b{number}" for number in range(24)]
    with receiving(protocol) as receiver:
        environ = environ_of(receiver, OTEL_EXPORTER_OTLP_HEADERS="x-api-key=k")
        with ServerProcess(tmp_path, flags=["--workers=3"], environ=environ) as server:
            for bot in bots:
                play(server, bot, traceparent=f"00-{TRACE}-{SPAN}-01")
            roots = receiver.wait_for_roots(2 * len(bots))
            until(lambda: metric(server, "mcp_spans_sent_total") == len(receiver.spans))
            assert metric(server, "mcp_spans_dropped_total") == 0
            assert receiver.headers["x-api-key"] == "k"
            assert not has_loaded(server.process_id, "cygrpc")
            assert not has_loaded(server.process_id, "google/_upb")
            workers = workers_of(server)
            assert {has_loaded(worker, "cygrpc") for worker in workers} == {protocol == "grpc"}
    by_process = {resource["process.pid"]: resource["service.instance.id"] for _, resource in receiver.spans}
    assert set(by_process) <= set(workers)
    assert len(by_process) > 1
    assert sorted({name.rpartition("/")[2] for name in by_process.values()} - {"0", "1", "2"}) == []
    played = [attributes_of(root) for root in roots]
    assert sorted({one["dungeonfighter.bot"] for one in played}) == sorted(bots)
    assert {(root.trace_id.hex(), root.parent_span_id.hex()) for root in roots} == {(TRACE, SPAN)}
    assert len({root.span_id for root in roots}) == len(roots)
    for root in roots:
        assert {"decode", "admit", "apply", "commit"} <= {span.name for span in receiver.children(root)}


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_frozen_collector_costs_traces_and_no_turn(tmp_path: Path, protocol: str) -> None:
    """The queue fills and no more, losses are counted, and traces are sent as before when it is over."""
    with (
        receiving(protocol) as receiver,
        ServerProcess(tmp_path, flags=["--workers=2"], environ=environ_of(receiver)) as server,
    ):
        served = Served(server)
        assert not served.call("start_new_game", weapon="mace")[1]
        receiver.wait_for_roots(1)
        receiver.freeze()
        calls, end = 0, time.monotonic() + FROZEN_SECONDS
        while time.monotonic() < end or metric(server, "mcp_spans_dropped_total") == 0:
            text, is_error = served.call(PLAY, input="1") if calls % 100 else ("", False)
            assert not is_error or "run_over" in text, text
            assert not served.call("get_game_state")[1]
            calls += 1
        assert metric(server, "mcp_traces_waiting") <= 2 * QUEUE_CALLS_MAX
        receiver.thaw()
        before = len(receiver.roots())
        until(lambda: len(receiver.roots()) > before and metric(server, "mcp_traces_waiting") == 0)
        receiver.freeze()
        served.call("get_game_state")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_collector_that_comes_late_gets_traces(tmp_path: Path, protocol: str) -> None:
    port = free_port()
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_TRACES_SAMPLER_ARG": "1",
    }
    with ServerProcess(tmp_path, environ=environ) as server:
        play(server, "ada")
        until(lambda: "does not take them" in server.log.read_text())
        with receiving(protocol, port) as receiver:
            while not receiver.roots():
                play(server, "eve")
            until(lambda: "takes them again" in server.log.read_text())
