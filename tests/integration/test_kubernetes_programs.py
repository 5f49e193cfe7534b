"""Real programs with what deploy/kubernetes gives them: Prometheus, the first token, HAProxy."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from dungeonfighter.fleet.load import LoadOptions, run_load
from testkit.certificates import Authority
from testkit.dns_names import NAME, Names
from testkit.haproxy import Haproxy
from testkit.ports import quiet_port
from testkit.programs import Program
from testkit.server_process import ServerProcess
from tests.balancers import newer_haproxy
from tests.integration.behind_balancer import Server
from tests.integration.prometheus_server import Prometheus
from tests.manifests import DEPLOY, Manifest, rendered
from tests.parts import program

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

ADAPTER: Final = DEPLOY / "kubernetes" / "components" / "autoscaling" / "prometheus-adapter.yaml"
BOTS: Final = 12
PODS: Final = ("pod-a", "pod-b")


def adapter_query(pods: str) -> str:
    """Return the query of the adapter for some pods of the namespace `games`, as the adapter fills it in."""
    (rule,) = yaml.safe_load(ADAPTER.read_text("utf-8"))["rules"]["custom"]
    filled = {
        "<<.Series>>": rule["name"]["as"],
        "<<.LabelMatchers>>": f'namespace="games",pod=~"{pods}"',
        "<<.GroupBy>>": "pod",
    }
    query: str = rule["metricsQuery"]
    for mark, text in filled.items():
        assert mark in query
        query = query.replace(mark, text)
    return query


def scraped(port: int, pod: str) -> dict[str, object]:
    """Return a target as the Prometheus operator labels it."""
    labels = {"namespace": "games", "pod": pod}
    return {"targets": [f"127.0.0.1:{port}"], "labels": labels}


def per_pod(prometheus: Prometheus) -> dict[str, float]:
    with contextlib.suppress(OSError):  # it is still starting
        return {labels["pod"]: value for labels, value in prometheus.query(adapter_query("pod-a|pod-b"))}
    return {}


async def becomes(prometheus: Prometheus, expected: dict[str, float]) -> None:
    deadline = time.monotonic() + 60
    while (found := await asyncio.to_thread(per_pod, prometheus)) != expected:
        assert time.monotonic() < deadline, f"{found}, not {expected}"
        await asyncio.sleep(0.1)


async def test_the_autoscaler_sees_the_bots_of_every_server_and_none_at_one_that_drains(
    tmp_path: Path, servers: list[Server]
) -> None:
    targets = [scraped(one.port, pod) for one, pod in zip(servers, PODS, strict=True)]
    scrapes = [{"job_name": "dungeonfighter", "static_configs": targets}]
    with Prometheus(tmp_path, {}, scrape_configs=scrapes) as prometheus:
        await becomes(prometheus, {"pod-a": 0, "pod-b": 0})
        report = await run_load(LoadOptions(servers[0].url, BOTS, turns=4 * BOTS), lambda _: None)
        assert not report.tally.errors
        await becomes(prometheus, {"pod-a": BOTS, "pod-b": 0})

        (rule,) = yaml.safe_load(ADAPTER.read_text("utf-8"))["rules"]["custom"]
        found = {labels["pod"] for labels, _ in prometheus.query(rule["seriesQuery"])}
        assert found == {*PODS}

        servers[0].signal(signal.SIGTERM)
        of_draining = 'mcp_active_bots{pod="pod-a"} * mcp_draining{pod="pod-a"}'
        await asyncio.to_thread(prometheus.until, of_draining, BOTS)
        assert per_pod(prometheus) == {"pod-a": 0, "pod-b": 0}


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[list[Server]]:
    with contextlib.ExitStack() as stack:
        started = []
        for name in PODS:
            folder = tmp_path / name
            folder.mkdir()
            started.append(stack.enter_context(Server(folder, "memory://", ["--drain-seconds=60"])))
        yield started


BLACKBOX: Final = DEPLOY / "kubernetes" / "components" / "monitoring" / "blackbox-exporter.yaml"


def test_the_blackbox_exporter_sees_whether_the_public_address_answers(tmp_path: Path) -> None:
    (tmp_path / "blackbox.json").write_text(json.dumps(yaml.safe_load(BLACKBOX.read_text("utf-8"))["config"]))
    address = f"127.0.0.1:{quiet_port()}"
    words = [
        program("prometheus-blackbox-exporter", part="prometheus"),
        f"--config.file={tmp_path / 'blackbox.json'}", f"--web.listen-address={address}",
    ]  # fmt: skip

    server = ServerProcess(tmp_path, "memory://")

    def succeeds() -> bool | None:
        """Return the outcome of a probe; None while the exporter is starting."""
        query = urllib.parse.urlencode({"module": "http_mcp", "target": f"{server.url}/mcp"})
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{address}/probe?{query}") as answer,
        ):
            return "\nprobe_success 1\n" in answer.read().decode()
        return None

    with server, Program(words, tmp_path / "blackbox.log", {}, lambda: succeeds() is not None):
        assert succeeds()
        server.kill()
        assert succeeds() is False


class TokenJob:
    """The script of the Job first-token, with a SQLite file as its database."""

    def __init__(self, folder: Path, seconds: int) -> None:
        overlay = rendered("overlays/dev/first-token")
        (script,) = (one["data"]["make-token.sh"] for one in overlay.of_kind("ConfigMap"))
        (container,) = overlay.of_kind("Job")[0]["spec"]["template"]["spec"]["containers"]
        self.token = folder / "token"
        self._database = f"sqlite:///{folder / 'games.db'}"
        (folder / "uri").write_text(self._database + "\n", "utf-8")
        self._environ = {
            **os.environ,
            **{one["name"]: one["value"] for one in container["env"]},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "DB_CONNECTION_STRING_FILE": str(folder / "uri"),
            "FOLDER": str(folder),
            "SECONDS_TO_READ": str(seconds),
        }
        (folder / "make-token.sh").write_text(script, "utf-8")
        self._command = ["/bin/sh", str(folder / "make-token.sh")]

    def __enter__(self) -> TokenJob:
        self.process = subprocess.Popen(
            self._command, env=self._environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> tuple[int, str]:
        """Wait for the end of the script; return its exit code and its log."""
        log, _ = self.process.communicate(timeout=60)
        return self.process.returncode, log

    def read(self) -> str:
        """Read and remove the token, as docs/kubernetes.md has it."""
        until(self.token.exists)
        found = self.token.read_text("utf-8").strip()
        self.token.unlink()
        return found

    def tokens(self) -> str:
        """Return the tokens of the database that are valid."""
        words = [sys.executable, "-m", "dungeonfighter", "token", "list", "--db", self._database]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return "\n".join(line for line in done.stdout.splitlines() if "revoked" not in line)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_first_token_is_read_once_and_is_in_no_log(tmp_path: Path) -> None:
    with TokenJob(tmp_path, 60) as job:
        token = job.read()
        code, log = job.end()
        assert (code, token in log) == (0, False)
        assert token.startswith("df_")
        assert token[:12] in job.tokens()
        assert not [file for file in tmp_path.iterdir() if token in file.read_bytes().decode("latin-1")]


def test_a_first_token_that_nobody_reads_is_revoked(tmp_path: Path) -> None:
    with TokenJob(tmp_path, 1) as job:
        code, log = job.end()
        assert code == 1
        assert "was not read in time" in log
        assert not job.token.exists()
        assert "df_" not in job.tokens()


def test_a_first_token_is_revoked_when_its_job_is_deleted(tmp_path: Path) -> None:
    with TokenJob(tmp_path, 60) as job:
        until(job.token.exists)
        job.process.send_signal(signal.SIGTERM)
        assert job.end()[0] == 143
        assert not job.token.exists()
        assert "df_" not in job.tokens()


class Checked(ServerProcess):
    """A server with its checks at a port of their own, at an address of its own."""

    def __init__(self, folder: Path) -> None:
        self.checks = quiet_port()
        flags = [f"--admin-listen=127.0.0.11:{self.checks}", "--trusted-proxies=127.0.0.0/8"]
        super().__init__(folder, "memory://", flags, address=("127.0.0.11", quiet_port()))

    def is_ready(self) -> bool:
        self.port, game = self.checks, self.port
        try:
            return super().is_ready()
        finally:
            self.port = game


def mount(folder: Path, secret: Manifest, content: dict[str, bytes]) -> Path:
    """Lay out a Secret as the kubelet does: links to a hidden folder, which it replaces as a whole."""
    folder.mkdir()
    hidden = folder / "..2026_11_29"
    hidden.mkdir()
    (folder / "..data").symlink_to(hidden.name)
    for item in secret["items"]:
        (hidden / item["path"]).write_bytes(content[item["key"]])
        (folder / item["path"]).symlink_to(f"..data/{item['path']}")
    return folder


def test_haproxy_takes_the_mounted_certificate_and_asks_the_port_of_the_checks(tmp_path: Path) -> None:
    pod = rendered("overlays/prod").one("Deployment", "haproxy")["spec"]["template"]["spec"]
    (secret,) = (one["secret"] for one in pod["volumes"] if one["name"] == "certificates")
    variables = {one["name"]: one.get("value", "") for one in pod["containers"][0]["env"]}
    certificate, key = (authority := Authority(tmp_path)).server_files("localhost")
    folder = mount(
        tmp_path / "certificates",
        secret,
        {"tls.crt": certificate.read_bytes(), "tls.key": key.read_bytes()},
    )
    with Checked(tmp_path) as server, Names(tmp_path).serving([server.host]) as names:
        environ = {
            "SERVERS": f"{NAME}:{server.port}", "DNS": names.address, "CERTIFICATES": str(folder),
            "SERVERS_MAX": variables["SERVERS_MAX"], "CHECK_PORT": str(server.checks),
        }  # fmt: skip
        for release in ("", newer_haproxy()):
            with Haproxy(tmp_path, "servers-by-name.cfg", release, **environ) as haproxy:
                trust = ssl.create_default_context(cafile=authority.file)
                secure = http.client.HTTPSConnection("localhost", haproxy.tls_port, context=trust, timeout=30)
                assert call(secure) == 200
                plain = http.client.HTTPConnection("localhost", haproxy.port, timeout=30)
                assert call(plain) == 308


def call(connection: http.client.HTTPConnection) -> int:
    body = json.dumps({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "start_new_game", "arguments": {}},
    })  # fmt: skip
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    with contextlib.closing(connection):
        connection.request("POST", "/mcp", body, headers)
        return connection.getresponse().status
