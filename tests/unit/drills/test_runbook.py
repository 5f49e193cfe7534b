"""The runbook has a section of the same form for each alert, and its commands and metrics exist."""

from __future__ import annotations

import re
import shlex
from typing import Final

import pytest

from drills.fault import fault_class, names
from dungeonfighter.cli import _parse
from tests import runbook
from tests.metrics_document import declare_all
from tests.unit.house.sources import ROOT

RULES: Final = ROOT / "deploy" / "prometheus" / "rules.yml"
SECTIONS: Final = runbook.alert_sections()
PARTS: Final = ("**Meaning.**", "**How to see it", "**What to do", "**It is over when**")
OF_OTHERS: Final = {
    "up", "probe_success", "probe_ssl_earliest_cert_expiry", "haproxy_backend_active_servers",
    "process_cpu_seconds_total", "process_resident_memory_bytes",
    "mcp_ingress_up", "mcp_ingress_lag", "mcp_ingress_streams_held", "mcp_ingress_messages_total",
    "mcp_ingress_dead_letters_total", "mcp_clock_skew_seconds", "mcp_bots_near_quota",
    "mcp_fleets_near_quota",
}  # fmt: skip
"""Metrics of Prometheus, its exporters and the ingress, and those that the rules bring."""
SUFFIXES: Final = re.compile(r"_(?:bucket|sum|count)$")


def metric_names() -> set[str]:
    return {one.name for one in declare_all().declared()}


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_has_all_parts_in_their_order(name: str) -> None:
    text = SECTIONS[name].replace("**How to see it and what to do**", "**How to see it** **What to do**")
    places = [text.find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)


def test_the_index_names_every_section_once() -> None:
    index = runbook.sections()["Index"]
    assert sorted(re.findall(r"^\| \[(\w+)\]", index, re.MULTILINE)) == sorted(SECTIONS)


def test_the_sections_are_the_alerts_of_the_rules() -> None:
    if not RULES.exists():
        pytest.skip("there are no rules for Prometheus yet")
    alerts = set(re.findall(r"^ *- alert: (\w+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE))
    assert set(SECTIONS) == alerts


@pytest.mark.parametrize("name", names())
def test_the_alert_of_a_drill_has_a_section_of_its_severity(name: str) -> None:
    fault = fault_class(name)
    assert fault.alert in SECTIONS
    pages, tickets = runbook.sections()["Index"].split("**Tickets**")
    assert f"[{fault.alert}]" in {"page": pages, "ticket": tickets}[fault.severity]


@pytest.mark.parametrize("name", runbook.sections())
def test_every_metric_in_a_section_exists(name: str) -> None:
    text = runbook.sections()[name]
    queried = re.findall(r"\b[a-z]+_[a-z_]+\b", re.sub(r'"[^"]*"', "", " ".join(runbook.queries(text))))
    named = {
        *re.findall(r"\bmcp_[a-z_]+\b", re.sub(r"mcp_\(\S+\)|mcp_store_pool_\(\S+\)", "", text)),
        *queried,
    }
    plain = {SUFFIXES.sub("", one) for one in named} - {"histogram_quantile", "by_time", "max_over_time"}
    known = metric_names() | OF_OTHERS
    assert not {one for one in plain if one not in known}


@pytest.mark.parametrize("name", runbook.sections())
def test_every_pattern_of_metrics_matches_a_metric(name: str) -> None:
    for pattern in re.findall(r"grep -E '\^(mcp_[^']+)'", runbook.sections()[name]):
        beginning, words = re.fullmatch(r"(\w+)\(([^)]+)\)", pattern).groups()  # type: ignore[union-attr]
        assert {f"{beginning}{word}" for word in words.split("|")} <= metric_names()


COMMANDS: Final = sorted({one for text in runbook.sections().values() for one in runbook.game_commands(text)})


@pytest.mark.parametrize("command", [one for one in COMMANDS if " ingress" not in one])
def test_every_command_is_understood(command: str) -> None:
    filled = command.replace("$EPISODE", "3").removesuffix("|| true")
    words = shlex.split(re.sub(r"\$\w+", "x", filled))[1:]
    if len(words) < 3 and words[0] in {"bots", "db", "token", "serve"}:
        return  # named in a sentence, without its arguments
    assert _parse(words).run


def test_there_are_commands() -> None:
    assert len(COMMANDS) > 10
