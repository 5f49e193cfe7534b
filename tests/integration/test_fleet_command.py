"""The command `fleet` in a process of its own: table, report, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from testkit.server_process import ROOT, ServerProcess


def fleet(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "fleet", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def test_a_load_ends_with_its_table_report_and_exit_code_0(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with ServerProcess(tmp_path) as server:
        words = ("--bots", "10", "--policy", "random", "--turns", "300", "--report", str(report))
        running = fleet(server.url, *words)
        shown, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    figures = json.loads(report.read_text())
    assert figures["turns"] >= 300
    assert figures["verified_turns"] == figures["turns"]
    assert figures["findings"] == figures["errors"] == {}
    assert "lost, doubled, wrong  0" in shown


def test_ctrl_c_ends_the_load_and_still_verifies(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        running = fleet(server.url, "--bots", "10", "--seconds", "0")
        assert running.stderr is not None
        while " turns " not in running.stderr.readline():  # the bots play
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        shown, _ = running.communicate(timeout=60)
    assert running.returncode == 0
    assert "verified              10 bots" in shown


def test_an_absent_server_is_exit_code_1() -> None:
    running = fleet("http://127.0.0.1:9", "--bots", "3", "--patience", "0.1")
    shown, progress = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "refused" in shown
    assert "dungeonfighter fleet: failed: " in progress


def test_arguments_that_cannot_work_are_exit_code_2() -> None:
    for words in (("ftp://host",), ("http://host", "--policy", "genius"), ("http://host", "--view", "text",
                  "--policy", "heuristic")):  # fmt: skip
        running = fleet(*words)
        _, error = running.communicate(timeout=60)
        assert running.returncode == 2
        assert error.startswith("dungeonfighter fleet: ")
