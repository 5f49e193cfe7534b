"""Load by Locust and k6, and the page of a load: against real servers, checked with their stores."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from load import tools
from load.compare import stored_turns
from load.report import Result, read_result
from load.tools import Plan
from soak.readings import open_connections
from testkit.server_process import ServerProcess
from tests.integration.browser import chromium
from tests.integration.test_fleet_command import fleet
from tests.integration.test_page_in_browser import CONTRAST, CONTRASTS
from tests.parts import program

PHONE = {"viewport": {"width": 360, "height": 740}}
STALL_SECONDS = 1.5
CONNECTIONS_MAX = 900
LETTER_PIXELS = """[...document.querySelectorAll("figure > svg")]
  .map((one) => 11 * one.getBoundingClientRect().width / one.viewBox.baseVal.width)"""
"""The height of the letters of each plot, as they are shown."""


def test_a_load_writes_a_page_with_what_its_server_did(tmp_path: Path) -> None:
    page, report = tmp_path / "out.html", tmp_path / "out.json"
    with ServerProcess(tmp_path) as server:
        for file in (page, report):
            prefix = ("--prefix", file.suffix[1:], "--report", str(file))
            running = fleet(server.url, "--bots", "10", "--rate", "50", "--seconds", "2", *prefix)
            _, progress = running.communicate(timeout=60)
            assert running.returncode == 0, progress
    text = page.read_text()
    assert "Passed: every one of " in text
    for title in (
        "Turns a second",
        "Latency",
        "Time of a commit",
        "Write-ahead log of SQLite",
        "The database",
    ):
        assert f">{title}<" in text
    figures = json.loads(report.read_text())
    servers = figures["servers"]
    assert servers["problems"] == []
    assert 0 < servers["turns"] <= figures["turns"] + figures["runs_started"]
    assert servers["commits"] > 0
    assert servers["levels"]["wal_bytes"]["after"] > 0
    assert servers["levels"]["memory_bytes"]["before"] > 1e6
    assert 20 < figures["tokens_per_turn"] < 400
    assert len(figures["moments"]) >= 1


def test_the_page_of_a_failed_load_begins_with_the_failure(tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    running = fleet("http://127.0.0.1:9", "--bots", "3", "--patience", "0.1", "--report", str(page))
    running.communicate(timeout=60)
    assert running.returncode == 1
    text = page.read_text()
    assert text.index("Failed: ") < text.index("class=tiles")
    assert "GET http://127.0.0.1:9/metrics" in text


@pytest.mark.parametrize(
    "words",
    [("--metrics", "http://127.0.0.1:9"), ("--report", "x.html", "--metrics", "ftp://host")],
    ids=["no report", "no address"],
)
def test_metrics_that_cannot_be_read_are_refused_before_the_load(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    running = fleet(
        "http://127.0.0.1:9", *(word.replace("x.html", str(tmp_path / "x.html")) for word in words)
    )
    _, error = running.communicate(timeout=60)
    assert running.returncode == 2
    assert "--metrics" in error


@pytest.mark.long
@pytest.mark.parametrize("tool", ["k6", "locust"])
def test_a_tool_plays_and_its_turns_are_in_the_store(tool: str, tmp_path: Path) -> None:
    program(tool, part="load")
    with ServerProcess(tmp_path) as server:
        plan = Plan(server.url, bots=200, rate=40.0, warm_up=1.0, seconds=9.0, prefix=f"{tool}-test")
        run = tools.TOOLS[tool](plan, tmp_path)
        log = (tmp_path / f"{plan.prefix}.log").read_text()
        stored = stored_turns(plan.prefix, server.database, "")
    report = run.report
    # A machine that is busy with other tests may be late: no criterion of time is checked here.
    assert sum(report.errors.values()) == 0, log
    assert report.runs_started == plan.bots
    assert report.turns + report.warm_up_turns == stored > 0
    assert report.turns > 0
    assert bool(run.exit_code) == bool(report.failures), log
    assert report.tokens_per_turn == pytest.approx(report.servers.tokens_per_turn, rel=0.15)
    assert log.count(f"{tool}: {plan.bots} bots, ") == 1


@pytest.mark.long
def test_two_processes_of_locust_add_up(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        words = [
            "--processes",
            "2",
            "-u",
            "60",
            "-r",
            "60",
            "--rate",
            "30",
            "--warm-up",
            "3",
            "--seconds",
            "3",
        ]
        code, result, log = locust(server, tmp_path, *words)
        stored = stored_turns("two", server.database, "")
    assert result.acknowledged == stored > 0, log
    assert (result.runs_begun, result.processes, result.calls_failed) == (60, 2, 0), log
    assert code == bool(result.failures)


@pytest.mark.long
def test_bots_of_locust_share_connections(tmp_path: Path) -> None:
    """With one for each of 1,100 bots, geventhttpclient would open a new one for each call of some."""
    most = 0

    def watched(command: list[str], server: ServerProcess) -> tuple[int, str]:
        nonlocal most
        with subprocess.Popen(
            command, cwd=tools.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as running:
            while running.poll() is None:
                most = max(most, len(open_connections(int(server.url.rpartition(":")[2]))))
                time.sleep(0.05)
            assert running.stdout is not None
            return running.returncode, running.stdout.read()

    words = ("-u", "1100", "-r", "550", "--rate", "220", "--warm-up", "5", "--seconds", "1")
    with ServerProcess(tmp_path) as server:
        _, result, log = locust(server, tmp_path, *words, run=watched)
    assert result.runs_begun == 1100, log
    assert 0 < most <= CONNECTIONS_MAX, log


@pytest.mark.long
def test_k6_fails_when_the_server_stalls(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        words = [program("k6", part="load"), "run", "--quiet", "--no-usage-report", "--address", ""]
        settings = {"URL": server.url, "BOTS": 100, "RATE": 50, "WARM_UP": 0, "SECONDS": 4, "TIMEOUT_MS": 500,
                    "VUS": 10, "PREFIX": "two", "RESULT": tmp_path / "result.json"}  # fmt: skip
        words += [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
        code, log = stalled([*words, "load/k6.js"], server)
        result = read_result(tmp_path / "result.json")
        stored = stored_turns("two", server.database, "")
    assert code != 0
    assert result.calls_failed > 0, log
    assert result.missed_starts > 0, log
    assert any(text.startswith("dropped_iterations: ") for text in result.failures)
    assert result.acknowledged <= stored <= result.acknowledged + result.calls_failed
    assert "FAILED" in log


@pytest.mark.long
def test_locust_fails_when_the_server_stalls(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        words = ["-u", "100", "-r", "100", "--rate", "50", "--warm-up", "2", "--seconds", "4"]
        code, result, log = locust(server, tmp_path, *words, "--answer-timeout", "0.5", run=stalled)
        stored = stored_turns("two", server.database, "")
    assert code == 1
    assert result.errors["no_answer"] > 0, log
    assert result.acknowledged <= stored <= result.acknowledged + result.calls_failed
    assert "FAILED" in log


@pytest.mark.long
def test_the_page_fits_a_phone_in_light_and_dark(tmp_path: Path) -> None:
    page = tmp_path / "out.html"
    with ServerProcess(tmp_path) as server, chromium() as browser:
        running = fleet(server.url, "--bots", "10", "--rate", "50", "--seconds", "3", "--report", str(page))
        running.communicate(timeout=60)
        for scheme in ("light", "dark"):
            shown = browser.new_page(**PHONE, color_scheme=scheme)
            shown.goto(page.as_uri())
            width = shown.evaluate("document.documentElement.scrollWidth")
            assert width <= PHONE["viewport"]["width"]
            assert shown.evaluate("document.querySelectorAll('figure > svg').length") >= 8
            assert min(shown.evaluate(LETTER_PIXELS)) >= 9
            assert not [found for found in shown.evaluate(CONTRASTS) if found[2] < CONTRAST]
            assert shown.errors() == []


def locust(
    server: ServerProcess,
    folder: Path,
    *words: str,
    run: Callable[[list[str], ServerProcess], tuple[int, str]] | None = None,
) -> tuple[int, Result, str]:
    """Run the locustfile with bots whose ids begin with `two`; return exit code, result and log."""
    command = [program("locust", part="load"), "-f", "load/locustfile.py", "--headless", "--only-summary"]
    command += ["-H", server.url, "--prefix", "two", "--result", str(folder / "result.json"), *words]
    code, log = (run or undisturbed)(command, server)
    return code, read_result(folder / "result.json"), log


def undisturbed(command: list[str], server: ServerProcess) -> tuple[int, str]:
    done = subprocess.run(
        command,
        cwd=tools.ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
        stdin=subprocess.DEVNULL,
    )
    return done.returncode, done.stdout + done.stderr


def stalled(command: list[str], server: ServerProcess) -> tuple[int, str]:
    """Run a tool, and stop the server for a moment as soon as its bots have played some turns."""
    with subprocess.Popen(
        command, cwd=tools.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        stdin=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        while stored_turns("two", server.database, "") < 20:
            assert process.poll() is None, "the tool ended before its bots played"
            time.sleep(0.05)
        server.signal(signal.SIGSTOP)
        time.sleep(STALL_SECONDS)  # the length of the fault
        server.signal(signal.SIGCONT)
        log, _ = process.communicate(timeout=90)
        return process.returncode, log
