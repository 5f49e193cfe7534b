"""Runs `fleet`, Locust or k6 against one server, at the same arrival rate, and reads what they measured."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from dungeonfighter.fleet.report import Report
from dungeonfighter.fleet.report_metrics import MetricsWatch, metrics_url
from dungeonfighter.fleet.report_servers import sum_up
from load.report import read_result, report_of

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
PARTS: Final = ROOT / ".parts" / "venv" / "bin"
_END_SECONDS_MAX: Final = 60.0


class Missing(Exception):
    """A tool is not installed; the text names the script that installs it."""


class Plan(NamedTuple):
    """One load, the same for all tools.

    Attributes:
        rate: Calls a second of all bots together.
        warm_up: Seconds that are played before the measurement, after the round that begins the runs.
        seconds: Seconds that are measured.
        prefix: The beginning of the ids of all bots; no bot with such an id exists yet.
    """

    url: str
    bots: int
    rate: float
    warm_up: float
    seconds: float
    prefix: str

    @property
    def before(self) -> float:
        """The seconds before the measurement: one round of starts, and the warm-up."""
        return self.bots / self.rate + self.warm_up

    @property
    def whole(self) -> float:
        return self.before + self.seconds


class Run(NamedTuple):
    """A load that ran: its report, its exit code, and the CPU time of the generator for each call."""

    report: Report
    exit_code: int
    us_per_call: float


def program(name: str) -> str:
    """Return the path of a tool.

    Raises:
        Missing: It is not installed.
    """
    found = shutil.which(name, path=os.pathsep.join((str(PARTS), os.environ.get("PATH", os.defpath))))
    if found is None:
        raise Missing(f"{name} is not installed: .ci/parts/load installs it")
    return found


def fleet(plan: Plan, folder: Path) -> Run:
    """Run `dungeonfighter fleet`; it reads the metrics and verifies by itself."""
    file = folder / f"{plan.prefix}.json"
    words = [sys.executable, "-m", "dungeonfighter", "fleet", plan.url, "--prefix", plan.prefix,
             "--bots", str(plan.bots), "--rate", f"{plan.rate:g}", "--warm-up", f"{plan.before:g}",
             "--seconds", f"{plan.seconds:g}", "--report", str(file)]  # fmt: skip
    code, _ = _run(words, folder, plan)
    report = msgspec.json.decode(_read(file, folder, plan), type=Report)
    return Run(report, code, report.cpu_us_per_call)


def locust(plan: Plan, folder: Path) -> Run:
    """Run `load/locustfile.py` in one process."""
    words = [program("locust"), "-f", str(HERE / "locustfile.py"), "--headless", "--only-summary",
             "--loglevel", "WARNING", "-H", plan.url, "-u", str(plan.bots), "-r", f"{plan.rate:g}",
             "--rate", f"{plan.rate:g}", "--warm-up", f"{plan.before:g}", "--seconds", f"{plan.seconds:g}",
             "--prefix", plan.prefix, "--result", str(folder / f"{plan.prefix}.json")]  # fmt: skip
    return _watched(words, plan, folder)


def k6(plan: Plan, folder: Path) -> Run:
    """Run `load/k6.js`."""
    settings = {
        "URL": plan.url, "BOTS": plan.bots, "RATE": f"{plan.rate:g}", "WARM_UP": f"{plan.warm_up:g}",
        "SECONDS": f"{plan.seconds:g}", "PREFIX": plan.prefix, "RESULT": folder / f"{plan.prefix}.json",
    }  # fmt: skip
    words = [program("k6"), "run", "--quiet", "--no-usage-report", "--address", ""]
    for name, value in settings.items():
        words += ["-e", f"{name}={value}"]
    return _watched([*words, str(HERE / "k6.js")], plan, folder)


TOOLS: Final[dict[str, Callable[[Plan, Path], Run]]] = {"fleet": fleet, "locust": locust, "k6": k6}


def _watched(words: Sequence[str], plan: Plan, folder: Path) -> Run:
    """Run a tool that does not read the metrics by itself, while a watch reads them."""
    watch = MetricsWatch([metrics_url(plan.url)], 1.0)
    watch.start()
    try:
        code, spent = _run(words, folder, plan)
    finally:
        watch.stop()
    file = folder / f"{plan.prefix}.json"
    _read(file, folder, plan)
    result = read_result(file)
    measured_at = result.measured_at + time.perf_counter() - time.time()
    servers = sum_up(watch, measured_at - plan.before, plan.before, plan.whole)
    calls = result.acknowledged + result.runs_begun
    return Run(report_of(result, servers), code, result.cpu_us_per_call or spent / max(1, calls) * 1e6)


def _run(words: Sequence[str], folder: Path, plan: Plan) -> tuple[int, float]:
    """Run a program to its end; return its exit code and the CPU time of it and its children."""
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with (folder / f"{plan.prefix}.log").open("wb") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=ROOT
        )
        try:
            _, status, usage = _wait(process, plan.whole + _END_SECONDS_MAX)
        except BaseException:
            process.kill()
            process.wait()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def _wait(process: subprocess.Popen[bytes], seconds: float) -> tuple[int, int, float]:
    deadline = time.monotonic() + seconds
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG)
        if found:
            return found, status, usage.ru_utime + usage.ru_stime
        if time.monotonic() > deadline:
            raise TimeoutError(f"the tool did not end within {seconds:.0f} s")
        time.sleep(0.05)


def _read(file: Path, folder: Path, plan: Plan) -> bytes:
    """Return the bytes of a result; without one fail with the end of the tool's log."""
    if not file.exists():
        log = (folder / f"{plan.prefix}.log").read_text(errors="replace")
        raise RuntimeError(f"the tool wrote no result:\n{log[-2000:]}")
    return file.read_bytes()
