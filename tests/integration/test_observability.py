"""The profiles of compose.yaml: Prometheus, Alertmanager and the log run with exactly the files of deploy."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import randrange
from typing import Any, Final

import pytest
import yaml

from testkit.ports import free_port
from testkit.programs import Program
from tests.integration.behind_balancer import playing, reaches
from tests.integration.containers import IMAGE, Engine, Project, command, newer_compose, up
from tests.integration.test_dashboard import answers
from tests.integration.through_balancer import wait_for_turns
from tests.parts import program
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

PROMETHEUS = ROOT / "deploy" / "prometheus"
ROTATE = ROOT / "deploy" / "filebeat" / "rotate.sh"
LOG_FOLDER = "/var/log/dungeonfighter"
SERVICES = ("server-1", "server-2", "haproxy", "prometheus", "alertmanager", "blackbox")
LISTENER: Final = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(self.path, body.decode(errors="replace"), flush=True)
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("", int(sys.argv[1])), Handler).serve_forever()
"""
"""Prints what it is sent: a webhook, or a collector of traces."""
PAGE: Final = "severity=page"
ALERTMANAGER: Final = "http://127.0.0.1:9093"
TARGETS: Final = {
    "dungeonfighter server-1",
    "dungeonfighter server-2",
    "haproxy haproxy",
    "dungeonfighter-probe http://haproxy:8080/",
}
"""The job and the instance of each target of deploy/prometheus/prometheus.yml."""
FILEBEAT: Final = "1000:10001"
"""The user and the group of Filebeat in compose.yaml."""


def test_promtool_accepts_the_configuration_with_its_rules() -> None:
    done = subprocess.run(
        [program("promtool", part="prometheus"), "check", "config", str(PROMETHEUS / "prometheus.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "1 rule files found" in done.stdout


def test_the_blackbox_exporter_accepts_its_probes() -> None:
    done = subprocess.run(
        [program("prometheus-blackbox-exporter", part="prometheus"), "--config.check",
         f"--config.file={PROMETHEUS / 'blackbox.yml'}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def alertmanager(folder: Path, webhook: str) -> tuple[Program, int]:
    """Return Alertmanager, started by its script, and its port."""
    port = free_port()
    (folder / "alertmanager").symlink_to(program("prometheus-alertmanager", part="prometheus"))
    words = [
        "sh", str(PROMETHEUS / "alertmanager.sh"), f"--storage.path={folder}/kept",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
    ]  # fmt: skip
    environ = {
        "ALERT_WEBHOOK": webhook, "ALERTMANAGER_CONFIG": str(folder / "used.yml"),
        "PATH": f"{folder}:{os.environ['PATH']}",
    }  # fmt: skip
    return Program(words, folder / "log", environ, lambda: answers(f"http://127.0.0.1:{port}/-/ready")), port


@pytest.mark.parametrize(
    ("webhook", "receiver"),
    [("", "nobody"), ("http://127.0.0.1:9/a?b=1&c='d'|e\\f", "webhook")],
    ids=["none", "special characters"],
)
def test_alertmanager_takes_the_webhook_of_the_environment(
    tmp_path: Path, webhook: str, receiver: str
) -> None:
    amtool = program("amtool", part="prometheus")
    running, port = alertmanager(tmp_path, webhook)
    with running:
        checked = subprocess.run([amtool, "check-config", str(tmp_path / "used.yml")], check=False)
        assert checked.returncode == 0
        routed = subprocess.run(
            [amtool, f"--alertmanager.url=http://127.0.0.1:{port}", "config", "routes", "test", PAGE],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert routed.stdout.strip() == receiver
    assert ("nobody is notified" in running.log.read_text()) == (not webhook)
    assert webhook.replace("'", "''") in (tmp_path / "used.yml").read_text()


def composed(compose: str, folder: Path, *words: str) -> str:
    """Let a Docker Compose read the file with the variables of the example."""
    variables = folder / "environ"
    variables.write_text((ROOT / ".env.example").read_text().replace("DB_PASSWORD=", "DB_PASSWORD=4f2a", 1))
    options = ["--env-file", str(variables), "-f", str(ROOT / "compose.yaml")]
    return command([compose, *options, *words], {}, is_checked=True)


@pytest.mark.parametrize("name", ["1", "2"])
def test_compose_of_both_kinds_reads_both_profiles(tmp_path: Path, name: str) -> None:
    compose = program("docker-compose", part="compose") if name == "1" else newer_compose()
    profiles = ("--profile", "observability", "--profile", "logs")
    assert composed(compose, tmp_path, *profiles, "config", "--quiet") == ""
    named = set(composed(compose, tmp_path, *profiles, "config", "--services").split())
    assert named >= {*SERVICES, "grafana", "jaeger", "filebeat", "elasticsearch", "kibana"}


def test_without_a_profile_compose_starts_no_watcher(tmp_path: Path) -> None:
    named = set(composed(newer_compose(), tmp_path, "config", "--services").split())
    assert named == {"postgres", "valkey", "migrate", "server-1", "server-2", "haproxy"}


@pytest.fixture
def network() -> str:
    """The beginning of the addresses of the containers."""
    return f"172.31.{randrange(1, 255)}"


def ask(engine: Engine, project: Project, path: str) -> Any:
    """Ask the Prometheus of the profile, from within its container."""
    words = ("wget", "-q", "-O", "-", f"http://127.0.0.1:9090/api/v1/{path}")
    shown = engine.run("exec", project.container("prometheus"), *words)
    return json.loads(shown)["data"]


def health_of_targets(engine: Engine, project: Project) -> dict[str, str]:
    found = ask(engine, project, "targets?state=active")["activeTargets"]
    return {f"{one['labels']['job']} {one['labels']['instance']}": one["health"] for one in found}


async def test_the_profile_watches_the_servers_and_tells_a_webhook(
    watchers: Engine, tmp_path: Path, network: str
) -> None:
    variables = {
        "SUBNET": f"{network}.0/24",
        "PROMETHEUS_PORT": str(free_port()), "ALERTMANAGER_PORT": str(free_port()),
        "ALERT_WEBHOOK": "http://pager:9000/alerts", "LOG_FORMAT": "ecs",
        "LOG_FILE": f"{LOG_FOLDER}/server.log",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318", "OTEL_TRACES_SAMPLER_ARG": "1",
    }  # fmt: skip
    async with up(watchers, tmp_path, services=SERVICES, **variables) as project:
        listen(watchers, project.network_of_watchers, "pager", 9000)
        listen(watchers, project.network, "jaeger", 4318)
        await reaches(lambda: project.health("alertmanager") == "healthy")
        watchers.run(
            "exec", project.container("alertmanager"), "amtool", f"--alertmanager.url={ALERTMANAGER}",
            "alert", "add", "PublicAddressDown", PAGE,
        )  # fmt: skip
        token = await asyncio.to_thread(project.make_token, "team-a")
        async with playing(project.url, 20, token=token) as tally:
            await wait_for_turns(tally, 60)
            await asyncio.to_thread(rotate, project)
            await wait_for_turns(tally, tally.turns + 60)
        await asyncio.to_thread(check_log, watchers, project)
        await reaches(lambda: set(health_of_targets(watchers, project).values()) == {"up"})
        assert health_of_targets(watchers, project).keys() == TARGETS
        assert len(ask(watchers, project, "alertmanagers")["activeAlertmanagers"]) == 1
        assert ask(watchers, project, "rules")["groups"]
        assert ask(watchers, project, "query?query=probe_success")["result"][0]["value"][1] == "1"
        assert "/v1/traces " in watchers.run("logs", "jaeger")
        await reaches(lambda: '"alertname":"PublicAddressDown"' in watchers.run("logs", "pager"))
        for service in ("prometheus", "alertmanager", "blackbox"):
            assert project.health(service) == "healthy"


def listen(engine: Engine, network: str, name: str, port: int) -> None:
    """Run a container of this name that prints what it is sent."""
    words = ("--network", network, "--entrypoint", "python3", IMAGE, "-u", "-c", LISTENER, str(port))
    engine.run("run", "--detach", "--name", name, *words)


def rotate(project: Project) -> None:
    """Begin a new file of the log by the script of the documents."""
    environ = {**project.environ, "COMPOSE": project.compose}
    command(["sh", str(ROTATE), *project.options], environ, is_checked=True)


def check_log(engine: Engine, project: Project) -> None:
    """Read the log as the user of Filebeat: two files, both servers write to the newer, no line missing."""
    place = f"{project.volume_of_logs}:{LOG_FOLDER}:ro"
    script = f'for f in {LOG_FOLDER}/server*.log; do echo "$f"; cat "$f"; done'
    shown = engine.run(
        "run", "--rm", "--user", FILEBEAT, "--volume", place, "--entrypoint", "sh", IMAGE, "-c", script
    )
    files = dict(by_file(shown))
    assert len(files) == 2
    lines = [
        line for name in sorted(files, key=lambda name: name.endswith("/server.log")) for line in files[name]
    ]
    last = files[f"{LOG_FOLDER}/server.log"]
    assert {line["service"]["node"]["name"] for line in last} >= {"server-1", "server-2"}
    numbers: dict[tuple[str, int], list[int]] = {}
    for line in lines:
        source = (line["service"]["node"]["name"], line["process"]["pid"])
        numbers.setdefault(source, []).append(line["event"]["sequence"])
    for found in numbers.values():
        assert found == [*range(found[0], found[0] + len(found))]


def by_file(shown: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    lines: list[dict[str, Any]] = []
    for line in shown.splitlines():
        if line.startswith(LOG_FOLDER):
            lines = []
            yield line, lines
        else:
            lines.append(json.loads(line))


def test_grafana_does_not_start_without_a_password(tmp_path: Path) -> None:
    words = entrypoint_of_grafana()
    started = tmp_path / "run.sh"
    started.write_text("#!/bin/sh\necho started\n")
    started.chmod(0o755)
    words = [word.replace("/run.sh", str(started)) for word in words]
    for password, shown in (("", "set GRAFANA_PASSWORD in .env"), ("4f2a", "started")):
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "GF_SECURITY_ADMIN_PASSWORD": password},
        )  # fmt: skip
        assert (done.stdout + done.stderr).strip() == shown
        assert (done.returncode == 0) == bool(password)


def entrypoint_of_grafana() -> list[str]:
    """Return the words that the container is started with, after what Compose makes of them."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return [word.replace("$$", "$") for word in services["grafana"]["entrypoint"]]
