"""Each metric that the alert rules ask for is in a real scrape, of ours or of the programs beside us."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509

from dungeonfighter.cli import COMMANDS
from testkit.alert_rules import RULES, metrics
from testkit.certificates import Authority
from testkit.haproxy import Haproxy, haproxy
from testkit.ports import free_port
from testkit.programs import Program
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.balancers import newer_haproxy, write_certificate
from tests.integration.alertmanager_server import listens
from tests.parts import program
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.long

ASKED: Final = metrics(RULES.read_text("utf-8"))
OF_PROMETHEUS: Final = {"up"}
CERTIFICATE: Final = re.compile(r"cert|expir|not_?after")
NOWHERE: Final = "http://127.0.0.1:9"
"""Spans are sent to nobody, and counted."""


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def names(text: str) -> set[str]:
    """Return the names of all series of a scrape."""
    return set(re.findall(r"^([a-z]\w*)[{ ]", text, re.MULTILINE))


def of(*beginnings: str) -> set[str]:
    return {name for name in ASKED if name.startswith(beginnings)}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    found = redis_program() or program("redis-server", part="redis")
    with RedisServer(found, tmp_path_factory.mktemp("redis")) as started:
        yield started


def test_the_rules_ask_for_metrics_of_known_programs_only() -> None:
    parts = of("mcp_ingress_"), of("mcp_", "process_") - of("mcp_ingress_"), of("haproxy_"), of("probe_")
    assert all(parts)
    assert set().union(OF_PROMETHEUS, *parts) == ASKED


def test_a_server_has_them_from_the_first_scrape_on(tmp_path: Path, redis: RedisServer) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE}
    with ServerProcess(tmp_path, flags=("--redis", redis.url), environ=environ) as server:
        found = names(scraped(f"{server.url}/metrics"))
    assert of("mcp_", "process_") - of("mcp_ingress_") - found == set()


@pytest.mark.skipif("ingress" not in COMMANDS, reason="this release has no ingress")
def test_an_ingress_has_them_from_the_first_scrape_on(tmp_path: Path, redis: RedisServer) -> None:
    port = free_port()
    database = f"sqlite:///{tmp_path}/games.db"
    words = ["ingress", "--queue", redis.url, "--db", database, "--listen", f"127.0.0.1:{port}"]
    running = Program(
        [sys.executable, "-m", "dungeonfighter", *words], tmp_path / "ingress.log",
        {"PYTHONPATH": str(ROOT / "src")}, listens(port),
    )  # fmt: skip
    with running:
        found = names(scraped(f"http://127.0.0.1:{port}/metrics"))
    assert of("mcp_ingress_") - found == set()


@contextlib.contextmanager
def probing(folder: Path, authority: Authority) -> Iterator[str]:
    """Run the blackbox exporter; yield the beginning of the address of a probe."""
    port, file = free_port(), folder / "blackbox.yml"
    trust = {"preferred_ip_protocol": "ip4", "tls_config": {"ca_file": str(authority.file)}}
    file.write_text(json.dumps({"modules": {"public": {"prober": "http", "http": trust}}}))
    words = [
        program("prometheus-blackbox-exporter", part="prometheus"), f"--config.file={file}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with Program(words, folder / "blackbox.log", {}, listens(port)):
        yield f"http://127.0.0.1:{port}/probe?module=public&target="


@pytest.mark.parametrize("executable", [haproxy, newer_haproxy])
def test_haproxy_counts_its_servers_and_a_probe_sees_the_certificate(
    tmp_path: Path, executable: Callable[[], str]
) -> None:
    """HAProxy's exporter says nothing about certificates, so the rules ask the blackbox exporter."""
    authority = Authority(tmp_path)
    certificates = tmp_path / "certificates"
    pem = write_certificate(authority, certificates)
    with ServerProcess(tmp_path, "memory://") as server:
        where = dict.fromkeys(("SERVER_A", "SERVER_B", "SERVER_C"), f"127.0.0.1:{server.port}")
        with (
            Haproxy(
                tmp_path, "servers-by-address.cfg", executable(), CERTIFICATES=str(certificates), **where
            ) as front,
            probing(tmp_path, authority) as probe,
        ):
            text = scraped(f"http://127.0.0.1:{front.status_port}/metrics")
            seen = scraped(f"{probe}{front.tls_url}/")
    assert of("haproxy_") - names(text) == set()
    for backend in ("bots", "any"):
        assert re.search(rf'^haproxy_backend_active_servers{{proxy="{backend}"}} 3$', text, re.MULTILINE)
    assert [name for name in names(text) if CERTIFICATE.search(name)] == []
    assert of("probe_") - names(seen) == set()
    end = x509.load_pem_x509_certificate(pem.read_bytes()).not_valid_after_utc.timestamp()
    found = re.search(r"^probe_ssl_earliest_cert_expiry (\S+)$", seen, re.MULTILINE)
    assert found
    assert float(found[1]) == end
    assert "\nprobe_success 1\n" in seen
