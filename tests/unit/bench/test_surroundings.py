"""The parts under the bench: the peers' environment, servers, bytes of threads, figures of 80,000 bots."""

from __future__ import annotations

import json
import os
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from bench import rows
from bench.eighty_rows import read
from bench.peers_env import NoPeers, peers_python
from bench.servers import Failed, running, thread_bytes
from tests.unit.house.sources import ROOT


def pinned(name: str) -> dict[str, str]:
    lines = (ROOT / "requirements" / name).read_text().splitlines()
    return dict(line.split()[0].split("==") for line in lines if "==" in line)


def test_peers_run_on_the_versions_our_own_server_runs_on() -> None:
    ours, theirs = pinned("runtime.txt"), pinned("peers.txt")
    both = ours.keys() & theirs.keys()
    assert {"mcp", "uvicorn", "uvloop", "httptools"} <= both
    assert {name: theirs[name] for name in both} == {name: ours[name] for name in both}


def made_environment(folder: Path, pins: Path) -> Path:
    environment = folder / "peers"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").write_text("")
    (environment / "installed").write_text(sha256(pins.read_bytes()).hexdigest())
    return environment


def test_peers_are_installed_once(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("one==1")
    environment = made_environment(tmp_path, pins)
    messages: list[str] = []
    assert peers_python(messages.append, pins, environment) == str(environment / "bin" / "python")
    assert messages == []


@pytest.mark.long
def test_other_pins_are_installed_anew_and_a_failure_raises(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("one==1")
    environment = made_environment(tmp_path, pins)
    pins.write_text("no pin at all")
    messages: list[str] = []
    with pytest.raises(NoPeers, match="ERROR"):
        peers_python(messages.append, pins, environment)
    assert len(messages) == 1
    assert not (environment / "installed").exists()


def test_the_error_of_a_server_that_does_not_start_has_its_log(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "raise SystemExit('no port for me')"]
    with pytest.raises(Failed, match="no port for me"), running(lambda *_: words, tmp_path):
        pytest.fail("the server must not start")


def test_a_server_ends_with_the_block(tmp_path: Path) -> None:
    serve = "import os, http.server as h; h.test(h.BaseHTTPRequestHandler, port=int(os.environ['PORT']))"
    with running(lambda *_: [sys.executable, "-c", serve], tmp_path) as server:
        os.kill(server.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_only_bytes_of_threads_beside_the_first_are_counted(tmp_path: Path) -> None:
    before, may_end, written = thread_bytes(os.getpid()), threading.Event(), threading.Event()

    def write() -> None:
        (tmp_path / "file").write_bytes(bytes(100_000))
        written.set()
        may_end.wait()

    thread = threading.Thread(target=write)
    thread.start()
    written.wait()
    (tmp_path / "other").write_bytes(bytes(50_000_000))
    counted = thread_bytes(os.getpid()) - before
    may_end.set()
    thread.join()
    assert 100_000 <= counted < 50_000_000


def written(folder: Path, *, bots: int) -> Path:
    file = folder / "eighty.json"
    content = {
        "plan": {"bots": bots, "every": 10},
        "report": {"errors": {"timeout": 1}, "warm_up_errors": {"refused": 2}, "latency_ms": {"p99": 40.5}},
        "figures": {"lost_or_doubled": 0, "server_pss_bytes": 1_500_000_000, "turns": 7},
        "missed": ["3 errors"],
    }
    file.write_text(json.dumps(content))
    os.utime(file, (0, 0))
    return file


def test_figures_of_eighty_thousand_bots_are_shown_with_their_date(tmp_path: Path) -> None:
    figures = read(written(tmp_path, bots=80_000))
    assert figures[rows.EIGHTY_ERRORS].repeats == [3]
    assert figures[rows.EIGHTY_LOST].repeats == [0]
    assert figures[rows.EIGHTY_P99].repeats == [40.5]
    assert figures[rows.EIGHTY_PSS].repeats == [1.5]
    assert "1970-01-01" in figures[rows.EIGHTY_PSS].note
    assert "3 errors" in figures[rows.EIGHTY_PSS].note


def test_a_run_of_fewer_bots_is_missing(tmp_path: Path) -> None:
    figures = read(written(tmp_path, bots=1000))
    assert len(figures) == 4
    assert all("1,000 bots" in figure.missing for figure in figures.values())


def test_without_a_file_the_figures_are_missing(tmp_path: Path) -> None:
    figures = read(tmp_path / "none.json")
    assert len(figures) == 4
    assert all("make bench-80k" in figure.missing for figure in figures.values())


def test_a_file_of_another_shape_is_missing_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "eighty.json"
    file.write_text('{"errors": 3}')
    assert all("cannot be read" in figure.missing for figure in read(file).values())
