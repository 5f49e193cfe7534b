"""Runs a real Prometheus for a test: it scrapes servers, and evaluates rules if there are any."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from testkit.ports import free_port
from tests.parts import program

WAIT_SECONDS: Final = 60.0
JOB: Final = "dungeonfighter"
"""The name of the job of the servers, on which the rules rely."""


class Prometheus:
    """A Prometheus that runs inside the block.

    Args:
        folder: Its files, an existing folder.
        jobs: The ports to scrape on 127.0.0.1, by the name of their job.
        rules: A text of rules, as in `deploy/prometheus/rules.yml`.
        alertmanager: The port of an Alertmanager on 127.0.0.1.
        scrape_configs: Further parts of the configuration, with targets of another kind.
        external_labels: The labels of this Prometheus.
        interval: The time between two scrapes, and between two evaluations.
    """

    def __init__(
        self, folder: Path, jobs: Mapping[str, Sequence[int]], *, rules: str = "",
        alertmanager: int | None = None, scrape_configs: Sequence[Mapping[str, object]] = (),
        external_labels: Mapping[str, str] | None = None, interval: str = "500ms",
    ) -> None:  # fmt: skip
        self._executable = program("prometheus", part="prometheus")
        self._folder = folder
        self.port = free_port()
        timing = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
        config: dict[str, object] = {
            "global": {**timing, "external_labels": dict(external_labels or {})},
            "scrape_configs": [
                *({"job_name": name, "static_configs": _static(ports)} for name, ports in jobs.items()),
                *scrape_configs,
            ],
        }
        if rules:
            (folder / "rules.yml").write_text(rules, "utf-8")
            config["rule_files"] = ["rules.yml"]
        if alertmanager is not None:
            config["alerting"] = {"alertmanagers": [{"static_configs": _static([alertmanager])}]}
        self._config = folder / "prometheus.yml"
        self._config.write_text(json.dumps(config), "utf-8")  # every JSON is YAML

    def __enter__(self) -> Self:
        self._log = (self._folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [self._executable, f"--config.file={self._config}",
             f"--storage.tsdb.path={self._folder / 'series'}",
             f"--web.listen-address=127.0.0.1:{self.port}", "--enable-feature=exemplar-storage"],
            stdout=self._log, stderr=self._log,
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()

    def ask(self, path: str, **given: str) -> Any:
        """Ask the API of Prometheus; return the part `data` of its answer."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(given)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series of an expression."""
        found = self.ask("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def value(self, expression: str) -> float | None:
        """Return the value of the one series of an expression; None while there is none."""
        with contextlib.suppress(OSError):  # it is still starting
            for _, value in self.query(expression):
                return value
        return None

    def until(self, expression: str, expected: float) -> None:
        """Wait until an expression has this value."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (value := self.value(expression)) != expected:
            assert time.monotonic() < deadline, f"{expression} is {value}, not {expected}"
            time.sleep(0.1)


def _static(ports: Sequence[int]) -> list[dict[str, list[str]]]:
    return [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
