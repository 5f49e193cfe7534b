"""Grafana's schema accepts the dashboard, and each of its queries finds something in a real Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter.cli import COMMANDS
from dungeonfighter.fleet.load import LoadOptions, run_load
from testkit.certificates import Authority
from testkit.dashboard.document import PLACE, VARIABLES
from testkit.dashboard.rows import ROWS
from testkit.haproxy import Haproxy, haproxy
from testkit.ports import free_port
from testkit.postgres_server import PostgresServer
from testkit.programs import Program
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.balancers import newer_haproxy, write_certificate
from tests.clients.played import node
from tests.integration.behind_balancer import reaches, trusting
from tests.integration.prometheus_server import Prometheus
from tests.parts import program
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

DASHBOARD: dict[str, Any] = json.loads(PLACE.read_text(encoding="utf-8"))
TYPES = ROOT / "tests" / "integration" / "dashboard_types.ts"
COMPILER = ["--strict", "--noEmit", "--module", "nodenext", "--moduleResolution", "nodenext"]
MISTAKES = [
    ('"unit": "ops"', '"units": "ops"'),
    ('"displayMode": "list"', '"displayMode": "lists"'),
    ('"legendFormat"', '"legend"'),
    ('"schemaVersion": 42,', ""),
]
SUBSTITUTES = {"$__rate_interval": "10s", "$instance": ".*"}
"""What Grafana puts into the expressions; ten seconds are twenty scrapes of this test."""
OF_INGRESS = 'job="dungeonfighter-ingress"'
SECONDS_MAX = 60.0
PROBE = "prober: http, http: {preferred_ip_protocol: ip4, tls_config: {ca_file: '%s'}}"


def type_errors(folder: Path, text: str) -> str:
    """Return what the compiler says about a dashboard behind the types of Grafana."""
    executable = node("grafana-schema")
    packages = ROOT / ".parts" / "node" / "node_modules"
    link = folder / "node_modules"
    if not link.exists():
        link.symlink_to(packages)
    file = folder / "dashboard.ts"
    head = TYPES.read_text(encoding="utf-8")
    file.write_text(f"{head}\nexport const dashboard: CheckedDashboard = {text};\n", encoding="utf-8")
    done = subprocess.run(
        [executable, str(packages / "typescript" / "bin" / "tsc"), *COMPILER, file.name],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode == 0) == (not done.stdout), done.stderr
    return done.stdout


def test_the_schema_of_grafana_accepts_the_dashboard(tmp_path: Path) -> None:
    assert type_errors(tmp_path, PLACE.read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize(("right", "wrong"), MISTAKES)
def test_the_schema_refuses_a_mistake(tmp_path: Path, right: str, wrong: str) -> None:
    text = PLACE.read_text(encoding="utf-8")
    assert right in text
    assert "error TS" in type_errors(tmp_path, text.replace(right, wrong, 1))


def expressions() -> list[str]:
    """Return the expressions of the file, with what Grafana puts in."""
    outer = DASHBOARD["panels"]
    panels = [*outer, *(panel for row in outer for panel in row.get("panels", ()))]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(found) >= sum(len(panel.queries) for row in ROWS for panel in row.panels)
    for variable, value in SUBSTITUTES.items():
        found = [one.replace(variable, value) for one in found]
    return found


@pytest.mark.parametrize("executable", [haproxy, newer_haproxy])
def test_haproxy_exports_what_the_dashboard_shows(tmp_path: Path, executable: Callable[[], str]) -> None:
    named = {name for one in expressions() for name in re.findall(r"\bhaproxy_[a-z_]+", one)}
    assert named
    with ServerProcess(tmp_path, "memory://") as server:
        servers = dict.fromkeys(("SERVER_A", "SERVER_B", "SERVER_C"), f"127.0.0.1:{server.port}")
        with (
            Haproxy(tmp_path, "servers-by-address.cfg", executable(), **servers) as front,
            urllib.request.urlopen(f"http://127.0.0.1:{front.status_port}/metrics", timeout=10) as answer,
        ):
            exported = set(re.findall(r"^(haproxy_\w+)", answer.read().decode(), re.MULTILINE))
    assert named <= exported


@contextlib.contextmanager
def ingress(folder: Path, database: str, queue: str) -> Iterator[int | None]:
    """Run the ingress; yield the port of its metrics, or None in a release without an ingress."""
    if "ingress" not in COMMANDS:
        yield None
        return
    port = free_port()
    words = ["ingress", "--queue", queue, "--db", database, "--listen", f"127.0.0.1:{port}"]
    running = Program(
        [sys.executable, "-m", "dungeonfighter", *words], folder / "ingress.log",
        {"PYTHONPATH": str(ROOT / "src")}, lambda: answers(f"http://127.0.0.1:{port}/readyz"),
    )  # fmt: skip
    with running:
        yield port


def answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def blackbox(folder: Path, authority: Authority) -> tuple[Program, int]:
    """Return the exporter that probes addresses from outside, and its port."""
    port = free_port()
    config = folder / "blackbox.yml"
    config.write_text(f"modules: {{public: {{{PROBE % authority.file}}}}}\n", encoding="utf-8")
    words = [
        program("prometheus-blackbox-exporter", part="prometheus"), f"--config.file={config}",
        f"--web.listen-address=127.0.0.1:{port}", "--timeout-offset=0",
    ]  # fmt: skip
    return Program(words, folder / "blackbox.log", {}, lambda: answers(f"http://127.0.0.1:{port}/")), port


def probe_config(exporter: int, target: str) -> dict[str, object]:
    return {
        "job_name": "dungeonfighter-probe",
        "metrics_path": "/probe",
        "scrape_interval": "2s",
        "params": {"module": ["public"]},
        "static_configs": [{"targets": [target]}],
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": f"127.0.0.1:{exporter}"},
        ],
    }


@contextlib.asynccontextmanager
async def surroundings(folder: Path, postgres: PostgresServer) -> AsyncIterator[Prometheus]:
    """Run two servers on PostgreSQL and Redis behind HAProxy, one on SQLite, and what watches them."""
    database = postgres.empty_database("shown")
    collector = f"http://127.0.0.1:{free_port()}"  # nothing listens: spans are sent to nobody, and counted
    async with contextlib.AsyncExitStack() as stack:
        redis = stack.enter_context(
            RedisServer(redis_program() or program("redis-server", part="redis"), folder)
        )
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "OTEL_TRACES_SAMPLER_ARG": "1"}
        servers = []
        for name in ("first", "second", "alone"):
            place = folder / name
            place.mkdir()
            flags = () if name == "alone" else ("--redis", redis.url)
            servers.append(ServerProcess(place, "" if name == "alone" else database, flags, environ=environ))
            stack.callback(servers[-1].kill)
        await asyncio.gather(*(server.start_in_thread() for server in servers))
        authority = Authority(folder)
        write_certificate(authority, folder / "certificates")
        first, second, _ = (f"127.0.0.1:{server.port}" for server in servers)
        front = stack.enter_context(
            Haproxy(
                folder, "servers-by-address.cfg", newer_haproxy(), CERTIFICATES=str(folder / "certificates"),
                SERVER_A=first, SERVER_B=second, SERVER_C=second,
            )
        )  # fmt: skip
        port = stack.enter_context(ingress(folder, database, redis.url))
        exporter, exporter_port = blackbox(folder, authority)
        stack.enter_context(exporter)
        jobs = {
            "dungeonfighter": [server.port for server in servers],
            "haproxy": [front.status_port],
            **({"dungeonfighter-ingress": [port]} if port is not None else {}),
        }
        probes = [probe_config(exporter_port, f"{front.tls_url}/")]
        prometheus = stack.enter_context(Prometheus(folder, jobs, scrape_configs=probes))
        await asyncio.to_thread(back_up, servers[2], folder)
        stack.enter_context(trusting(authority))
        loads = [front.tls_url, servers[2].url]
        stop = asyncio.Event()
        playing = [
            asyncio.create_task(run_load(LoadOptions(url, 20), lambda _: None, stop=stop)) for url in loads
        ]
        yield prometheus
        stop.set()
        for load in playing:
            assert not (await load).tally.errors


def back_up(server: ServerProcess, folder: Path) -> None:
    words = ["db", "backup", str(folder / "backup.db"), "--db", f"sqlite:///{server.database}"]
    subprocess.run(
        [sys.executable, "-m", "dungeonfighter", *words], check=True, capture_output=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


def is_found(prometheus: Prometheus, expression: str) -> bool:
    """Return True if an expression has a value; an expression that cannot be parsed raises."""
    return any(not math.isnan(value) for _, value in prometheus.query(expression))


async def test_every_query_finds_something(tmp_path: Path, postgres: PostgresServer) -> None:
    async with surroundings(tmp_path, postgres) as prometheus:
        await reaches(lambda: prometheus.value('count(up{job="dungeonfighter"} == 1)') == 3)
        missing = expressions()
        if "ingress" not in COMMANDS:
            missing = [one for one in missing if OF_INGRESS not in one]
        deadline = time.monotonic() + SECONDS_MAX
        while missing and time.monotonic() < deadline:
            missing = [one for one in missing if not await asyncio.to_thread(is_found, prometheus, one)]
            await asyncio.sleep(0.2)
        assert not missing, "\n".join(["", *missing])
        offered = next(one["query"]["query"] for one in VARIABLES if one["name"] == "instance")
        matched = re.fullmatch(r"label_values\((.*), (\w+)\)", offered)
        assert matched
        assert len({labels[matched[2]] for labels, _ in prometheus.query(matched[1])}) == 3
