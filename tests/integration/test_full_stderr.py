"""A server whose standard error is a full pipe, and one that is sent rubbish."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.server import ROOT, ServerProcess
from tests.ports import free_port
from tests.unit.telemetry.test_logs import full_pipe

REQUESTS = 20_000


@pytest.mark.long
@pytest.mark.parametrize("flags", [[], ["--log-format=json"], ["--workers=2"]])
def test_a_server_whose_log_nobody_reads_starts_answers_and_stops(tmp_path: Path, flags: list[str]) -> None:
    port = free_port()
    reader, writer, _ = full_pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "serve", "--host=127.0.0.1", f"--port={port}",
         f"--db=sqlite:///{tmp_path / 'x.db'}", *flags],
        stderr=writer, env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ) as process:  # fmt: skip
        try:
            deadline = time.monotonic() + 60
            while not answers(port):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            for _ in range(20):
                rubbish(port)
            assert answers(port)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)


@pytest.mark.long
def test_rubbish_gives_a_bounded_number_of_lines(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        began = time.monotonic()
        for _ in range(REQUESTS):
            rubbish(server.port)
        seconds = time.monotonic() - began
        server.signal(signal.SIGTERM)
        server.wait()
        lines = server.log.read_text().splitlines()
    assert any("more like it" in line or "times" in line for line in lines)
    assert len(lines) <= 30 + 3 * seconds


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def rubbish(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"\x01 nonsense\r\n\r\n")
        connection.recv(4096)
