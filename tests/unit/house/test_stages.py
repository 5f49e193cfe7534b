"""The short stage keeps a test of every subject; .ci/run, its parts and the documents name the same parts."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.house.sources import ROOT, parsed

LONG_ONLY: set[str] = {
    "tests/integration/test_alert_cases.py",  # promtool is a part of the long stage
    "tests/integration/test_alert_metrics.py",  # HAProxy and Prometheus are parts of the long stage
    "tests/integration/test_alerts.py",  # Prometheus is a part of the long stage
    "tests/integration/test_balancer_files.py",  # HAProxy, Envoy and nginx are parts of the long stage
    "tests/integration/test_browser_play.py",  # Chromium is a part of the long stage
    "tests/integration/test_chaos.py",  # network namespaces and HAProxy are parts of the long stage
    "tests/integration/test_chaos_faults.py",  # network namespaces are a part of the long stage
    "tests/integration/test_chaos_machines.py",  # likewise
    "tests/integration/test_compose.py",  # a container engine is a part of the long stage
    "tests/integration/test_compose_upgrade.py",  # a container engine is a part of the long stage
    "tests/integration/test_dashboard.py",  # Prometheus and Grafana's schema are parts of the long stage
    "tests/integration/test_drills.py",  # a drill starts databases, servers and bots, and waits for a repair
    "tests/integration/test_docs_site.py",  # Zensical and Chromium are parts of the long stage
    "tests/integration/test_ecs_fields.py",  # the published list is a part of the long stage
    "tests/integration/test_envoy_and_nginx.py",  # Envoy and nginx are parts of the long stage
    "tests/integration/test_haproxy.py",  # HAProxy is a part of the long stage
    "tests/integration/test_haproxy_fleet.py",  # HAProxy is a part of the long stage
    "tests/integration/test_haproxy_routes.py",  # HAProxy is a part of the long stage
    "tests/integration/test_haproxy_image.py",  # a container engine is a part of the long stage
    "tests/integration/test_image.py",  # a container engine is a part of the long stage
    "tests/integration/test_kubelet.py",  # HAProxy and dnsmasq are parts of the long stage
    "tests/integration/test_kubernetes.py",  # kubernetes-validate is a part of the long stage
    "tests/integration/test_kubernetes_settings.py",  # PostgreSQL, Redis and a server for one test
    "tests/integration/test_kubernetes_programs.py",  # Prometheus is a part of the long stage
    "tests/integration/test_litestream.py",  # Litestream is a part of the long stage
    "tests/integration/test_log_shipping.py",  # rsyslog is a part of the long stage
    "tests/integration/test_observability.py",  # Prometheus is a part of the long stage
    "tests/integration/test_page_log_in.py",  # Chromium is a part of the long stage
    "tests/integration/test_page_in_browser.py",  # Chromium is a part of the long stage
    "tests/integration/test_patroni.py",  # Patroni and etcd are parts of the long stage
    "tests/integration/test_playback_in_browser.py",  # Chromium is a part of the long stage
    "tests/integration/test_pgbackrest.py",  # pgBackRest is a part of the long stage
    "tests/integration/test_regions.py",  # network namespaces are a part of the long stage
    "tests/integration/test_restore_drill.py",  # bots play for some seconds before and after each step
    "tests/integration/test_prometheus.py",  # Prometheus is a part of the long stage
    "tests/integration/test_producer_example.py",  # starts a Redis, an ingress and the example twice
    "tests/integration/test_rabbitmq_faults.py",  # RabbitMQ is a part of the long stage
    "tests/integration/test_worker_starts.py",  # three workers start beside a client that never rests
}
"""The test modules of integration and simulation without a short test, each with the reason in a comment."""

MARKERS_OF_PYTEST = {
    "asyncio",
    "filterwarnings",
    "parametrize",
    "skip",
    "skipif",
    "timeout",
    "usefixtures",
    "xfail",
}
TEST_MODULES = sorted((ROOT / "tests").rglob("test_*.py"))
STAGED = [
    path
    for path in TEST_MODULES
    if path.relative_to(ROOT / "tests").parts[0] in {"integration", "simulation"}
]
PARTS = sorted(path for path in (ROOT / ".ci" / "parts").iterdir() if not path.name.startswith("_"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def markers(node: ast.AST) -> Iterator[str]:
    """Yield the names after `pytest.mark` below this node."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "pytest.mark":
            yield each.attr


def marks_of_module(tree: ast.Module) -> set[str]:
    assignments = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return {mark for node in assignments if "pytestmark" in ast.unparse(node) for mark in markers(node)}


def short_tests(tree: ast.Module) -> list[str]:
    """Return the tests without the marker; a test whose parameters alone carry it is short, too."""
    if "long" in marks_of_module(tree):
        return []
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and "pytest.mark.long" not in map(ast.unparse, node.decorator_list)
    ]


def words(variable: str) -> list[str]:
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    found = re.search(rf'^{variable}="([^"]*)"$', text, re.MULTILINE)
    assert found, f".ci/run has no list {variable}"
    return found[1].split()


@pytest.mark.parametrize("path", STAGED, ids=name_of)
def test_every_module_has_short_tests_or_is_named(path: Path) -> None:
    has_short = bool(short_tests(parsed(path)))
    assert has_short != (name_of(path) in LONG_ONLY)


def test_the_list_of_long_modules_is_of_today() -> None:
    assert {name_of(path) for path in STAGED} >= LONG_ONLY


def test_every_marker_is_registered() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"][
        "ini_options"
    ]
    registered = {line.split(":")[0] for line in options["markers"]}
    assert "long" in registered
    assert "--strict-markers" in options["addopts"]
    used = {mark for path in TEST_MODULES for mark in markers(parsed(path))}
    assert used <= registered | MARKERS_OF_PYTEST


@pytest.mark.parametrize("variable", ["SHORT_PARTS", "LONG_PARTS"])
def test_the_run_names_parts_that_exist(variable: str) -> None:
    assert {word.split(":")[0] for word in words(variable)} <= {path.name for path in PARTS}


def test_no_part_is_named_twice() -> None:
    named = words("SHORT_PARTS") + words("LONG_PARTS")
    assert len(named) == len(set(named))


@pytest.mark.parametrize("path", PARTS, ids=name_of)
def test_a_part_stops_at_the_first_failure_and_says_what_it_found(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert "\nset -euo pipefail\nsource " in text
    assert re.search(r"^ *found ", text, re.MULTILINE)


def test_the_documents_describe_exactly_these_parts() -> None:
    text = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    table = text.split("## Parts of the operating system", 1)[1]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [path.name for path in PARTS]


def test_shell_scripts_hold_no_address() -> None:
    scripts = [ROOT / ".ci" / "run", *(ROOT / ".ci" / "parts").iterdir()]
    assert not [name_of(path) for path in scripts if re.search(r"\w://\w", path.read_text(encoding="utf-8"))]
