"""The dashboard of Grafana is as its script writes it, says what it shows, and names what exists."""

from __future__ import annotations

import functools
import itertools
import re
from typing import Any

import pytest

from testkit.dashboard import document
from testkit.dashboard.panels import Panel
from testkit.dashboard.rows import OUR_FAULT, ROWS
from tests.metrics_document import declare_all
from tests.unit.house.sources import ROOT

PANELS = [panel for row in ROWS for panel in row.panels]
RUNBOOK = ROOT / "docs" / "runbook.md"
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
SUFFIXES = re.compile(r"_(bucket|sum|count)$")
NAMES = re.compile(r"\b(?:mcp|process)_[a-z_]+")


def title_of(panel: Panel) -> str:
    return panel.title


@functools.cache
def declared() -> frozenset[str]:
    return frozenset(one.name for one in declare_all().declared())


def laid_out() -> list[dict[str, Any]]:
    """Return everything that has a place, also the panels of closed rows."""
    outer = document.document()["panels"]
    return [*outer, *(panel for row in outer for panel in row.get("panels", ()))]


def test_the_file_is_as_the_script_writes_it() -> None:
    assert document.PLACE.read_text(encoding="utf-8") == document.text(), "make docs writes it anew"


def test_no_two_panels_overlap() -> None:
    for row in [document.document()["panels"], *(one.get("panels", []) for one in laid_out())]:
        places = [one["gridPos"] for one in row]
        assert all(place["x"] + place["w"] <= document.COLUMNS for place in places)
        for one, other in itertools.combinations(places, 2):
            is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
            is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
            assert is_beside or is_below, (one, other)


def test_lines_of_panels_are_full() -> None:
    """A line that ends early would look as if a panel was missing; the last line of a row may."""
    for row in ROWS:
        width = sum(panel.width for panel in row.panels)
        assert width % document.COLUMNS == 0, row.question


def test_numbers_and_titles_are_given_once() -> None:
    numbers = [one["id"] for one in laid_out()]
    titles = [panel.title for panel in PANELS]
    assert len(numbers) == len(set(numbers)) == len(PANELS) + len(ROWS)
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("panel", PANELS, ids=title_of)
def test_a_panel_explains_itself(panel: Panel) -> None:
    assert panel.about.endswith(".")
    assert panel.queries
    assert panel.is_stat or all(query.legend for query in panel.queries), "each line needs a name"


@pytest.mark.parametrize("panel", PANELS, ids=title_of)
def test_a_panel_names_metrics_that_servers_have(panel: Panel) -> None:
    named = {SUFFIXES.sub("", name) for query in panel.queries for name in NAMES.findall(query.expr)}
    assert {name for name in named if not name.startswith("mcp_ingress_")} <= declared()


@pytest.mark.parametrize("panel", PANELS, ids=title_of)
def test_a_rate_spans_four_scrapes(panel: Panel) -> None:
    spans = [span for query in panel.queries for span in re.findall(r"\[([^]]+)\]", query.expr)]
    assert set(spans) <= {"$__rate_interval", "15m"}


def test_every_metric_of_the_servers_is_shown() -> None:
    shown = {SUFFIXES.sub("", name) for one in PANELS for q in one.queries for name in NAMES.findall(q.expr)}
    assert declared() - shown == {"mcp_metrics_push_up"}


def test_links_lead_to_sections_of_the_runbook() -> None:
    sections = set(re.findall(r"^#+ (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))
    assert {alert for panel in PANELS for alert in panel.alerts} <= sections


def test_links_name_alerts_and_every_alert_has_a_panel() -> None:
    text = RULES.read_text(encoding="utf-8")
    alerts = set(re.findall(r"^ *- alert: (\w+)$", text, re.MULTILINE))
    assert {alert for panel in PANELS for alert in panel.alerts} == alerts
    assert OUR_FAULT in text, "dashboard and rules disagree about what is our fault"
