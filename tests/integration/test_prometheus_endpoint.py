"""`PROMETHEUS_ENDPOINT`: an address of its own, a second path, and a receiver that metrics are pushed to."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from dungeonfighter.serving import metrics_push
from testkit.ports import free_port
from testkit.server_process import ROOT, ServerProcess
from tests.integration.served import WAIT_SECONDS, Served

ONE_AND_THREE = pytest.mark.parametrize("workers", [1, 3], ids=["one process", "three workers"])
RECEIVER = "/api/v1/otlp/v1/metrics"


class Receiver:
    """An OTLP receiver; as a context manager it runs inside the block.

    Attributes:
        requests: The requests that it took.
        status: The status of its answers.
        may_answer: Answers wait for this event.
    """

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.status = 200
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.came = threading.Semaphore(0)
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.path == RECEIVER
                assert self.headers["Content-Type"] == "application/json"
                receiver.requests.append(json.loads(body))
                receiver.came.release()
                receiver.may_answer.wait()
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                del args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{RECEIVER}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.may_answer.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self) -> dict[str, Any]:
        """Wait for a request; return its metrics by name."""
        assert self.came.acquire(timeout=WAIT_SECONDS)
        (resource,) = self.requests[-1]["resourceMetrics"]
        (scope,) = resource["scopeMetrics"]
        return {metric["name"]: metric for metric in scope["metrics"]}


def got(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.mark.long
@ONE_AND_THREE
def test_an_address_of_its_own_has_metrics_and_health_only(tmp_path: Path, workers: int) -> None:
    port = free_port()
    flags = (f"--workers={workers}", f"--prometheus-endpoint=127.0.0.1:{port}")
    with ServerProcess(tmp_path, flags=flags) as server:
        status, text = got(port, "/metrics")
        assert status == 200
        assert "\nmcp_store_up 1\n" in text
        assert got(port, "/readyz")[0] == got(port, "/livez")[0] == 200
        assert [got(port, path)[0] for path in ("/", "/mcp", "/api/summary")] == [404, 404, 404]
        assert got(server.port, "/metrics")[0] == 200


@pytest.mark.long
def test_a_second_path_has_the_metrics_too(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, environ={"PROMETHEUS_ENDPOINT": "/prometheus/metrics"}) as server:
        for path in ("/metrics", "/prometheus/metrics"):
            assert "\nmcp_store_up 1\n" in got(server.port, path)[1]
        assert got(server.port, "/prometheus/")[0] == 404


@pytest.fixture
def eager(tmp_path: Path) -> Path:
    """The sources, whose server pushes ten times a second."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "sitecustomize.py").write_text(
        f"import sys\nsys.path.insert(1, {str(ROOT / 'src')!r})\n"
        "from dungeonfighter.serving import metrics_push\n"
        "metrics_push.PERIOD_SECONDS, metrics_push.ANSWER_SECONDS_MAX = 0.1, 1.0\n"
    )
    return source


@pytest.mark.long
@ONE_AND_THREE
def test_a_receiver_gets_the_sums_of_all_processes(tmp_path: Path, eager: Path, workers: int) -> None:
    flags = (f"--workers={workers}", "--instance-id=server-1")
    with Receiver() as receiver:
        environ = {"PROMETHEUS_ENDPOINT": receiver.url}
        with ServerProcess(tmp_path, flags=flags, source=eager, environ=environ) as server:
            served = Served(server)
            for number in range(6):
                assert not served.call("start_new_game", f"bot{number}", seed=7, weapon="mace")[1]
            while True:
                metrics = receiver.wait()
                points = metrics["mcp_bot_interactions_total"]["sum"]["dataPoints"]
                calls = {
                    tuple(sorted(label["value"]["stringValue"] for label in point["attributes"])): point
                    for point in points
                }
                if calls["ok", "start_new_game"]["asDouble"] == 6:
                    break
            while receiver.wait()["mcp_metrics_push_up"]["gauge"]["dataPoints"][0]["asDouble"] != 1:
                pass
            assert metrics["mcp_store_up"]["gauge"]["dataPoints"][0]["asDouble"] == 1
            resource = receiver.requests[-1]["resourceMetrics"][0]["resource"]["attributes"]
            assert {"key": "service.instance.id", "value": {"stringValue": "server-1"}} in resource
            assert "nothing is pushed" not in server.log.read_text()


def test_a_receiver_that_refuses_or_hangs_is_a_warning_and_a_metric(tmp_path: Path, eager: Path) -> None:
    with Receiver() as receiver:
        receiver.status = 500
        environ = {"PROMETHEUS_ENDPOINT": receiver.url}
        with ServerProcess(tmp_path, source=eager, environ=environ) as server:
            receiver.wait()
            receiver.wait()
            assert "\nmcp_metrics_push_up 0\n" in got(server.port, "/metrics")[1]
            receiver.status = 200
            until_up(server, 1)
            receiver.may_answer.clear()
            until_up(server, 0)
            assert not Served(server).call("start_new_game", seed=7, weapon="mace")[1]
            receiver.may_answer.set()
            until_up(server, 1)
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
    log = server.log.read_text()
    assert log.count("metrics cannot be pushed to") == 2
    assert "(status 500)" in log
    assert log.count("are pushed to") == 2


def until_up(server: ServerProcess, value: int) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while f"\nmcp_metrics_push_up {value}\n" not in got(server.port, "/metrics")[1]:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.long
def test_a_receiver_that_is_not_there_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    environ = {"PROMETHEUS_ENDPOINT": "http://127.0.0.1:9/otlp"}
    with ServerProcess(tmp_path, environ=environ) as server:
        assert not Served(server).call("start_new_game", seed=7, weapon="mace")[1]
        assert "\nmcp_metrics_push_up 0\n" in got(server.port, "/metrics")[1]
    assert metrics_push.PERIOD_SECONDS == 15


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment is not asked: the receiver is a neighbour."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
