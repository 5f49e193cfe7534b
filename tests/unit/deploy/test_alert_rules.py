"""The alert rules: their form, their metrics, their sections in the runbook, and that each has its cases."""

from __future__ import annotations

import functools
import importlib.util
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
import yaml

from dungeonfighter import errors
from dungeonfighter.hosting.instruments import LATENCY_SECONDS
from dungeonfighter.mcp.tool_metrics import _codes
from testkit.alert_rules import FOLDER, RULES, alerts, groups, is_expected, metrics, milliseconds, shortened
from tests.metrics_document import DOCUMENT, declare_all
from tests.unit.house.sources import ROOT

TEXT: Final = RULES.read_text("utf-8")
ALERTS: Final = list(alerts())
CASES: Final = sorted((FOLDER / "tests").glob("*.yml"))
RUNBOOK: Final = ROOT / "docs" / "runbook.md"
BASE: Final = "{{ $externalLabels.runbook_base }}"
OF_PROMETHEUS: Final = {"up"}
OF_HAPROXY: Final = {"haproxy_backend_active_servers"}
"""`tests/integration/test_alert_metrics.py` finds them in real scrapes, those of the probe too."""
OF_PROBES: Final = {"probe_success", "probe_ssl_earliest_cert_expiry"}
OF_INGRESS: Final = {
    "mcp_ingress_up", "mcp_ingress_lag", "mcp_ingress_messages_total", "mcp_ingress_dead_letters_total",
}  # fmt: skip
SCRAPE_MILLISECONDS: Final = 60_000
"""The longest interval between scrapes for which the rules are made."""


def id_of(rule: dict[str, Any]) -> str:
    return " ".join([rule["alert"], *rule["labels"].values()])


every_alert = pytest.mark.parametrize("rule", ALERTS, ids=id_of)


@functools.cache
def cases() -> list[dict[str, Any]]:
    return [case for path in CASES for case in yaml.safe_load(path.read_text("utf-8"))["tests"]]


def steps(case: dict[str, Any], rule: dict[str, Any]) -> list[bool]:
    """Return whether a case expects the alert of a rule, at each time at which it asks, in their order."""
    asked = [one for one in case["alert_rule_test"] if one["alertname"] == rule["alert"]]
    asked.sort(key=lambda one: milliseconds(one["eval_time"]))
    return [any(is_expected(rule, one["exp_labels"]) for one in each.get("exp_alerts", ())) for each in asked]


@pytest.fixture(scope="module")
def objectives() -> ModuleType:
    spec = importlib.util.spec_from_file_location("objectives", FOLDER / "objectives.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The rules


@every_alert
def test_an_alert_says_what_is_wrong_how_urgent_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["description"].endswith(".")
    assert notes["runbook_url"] == f"{BASE}docs/runbook.md#{rule['alert'].lower()}"


@every_alert
def test_an_alert_has_a_section_in_the_runbook(rule: dict[str, Any]) -> None:
    assert f"\n## {rule['alert']}\n" in RUNBOOK.read_text("utf-8")


def test_the_runbook_has_no_section_of_an_alert_that_is_not() -> None:
    text = RUNBOOK.read_text("utf-8")
    headings = set(re.findall(r"^## ([A-Z][a-z]+(?:[A-Z][a-z]+)+)$", text, re.MULTILINE))
    assert headings <= {rule["alert"] for rule in ALERTS}


def test_recorded_rules_are_named_by_level_metric_and_operation() -> None:
    names = [rule["record"] for group in groups() for rule in group["rules"] if "record" in rule]
    assert names
    for name in names:
        assert re.fullmatch(r"namespace_job:mcp_[a-z_]+:[a-z_]+\d+[mhd]", name)
    assert len(names) == len(set(names))
    used = set(re.findall(r"namespace_job:\w+:\w+", "\n".join(rule["expr"] for rule in ALERTS)))
    assert used <= set(names)


def test_each_metric_of_the_rules_is_one_of_ours_or_listed_here() -> None:
    declared = {one.name: one.family.kind for one in declare_all().declared()}
    known = OF_PROMETHEUS | OF_HAPROXY | OF_PROBES | OF_INGRESS
    for name, kind in declared.items():
        known |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    asked = metrics(TEXT)
    assert len(asked) > 30
    assert asked <= known
    assert asked >= OF_PROMETHEUS | OF_HAPROXY | OF_PROBES | OF_INGRESS
    document = DOCUMENT.read_text("utf-8")
    for name in asked & known - OF_PROMETHEUS - OF_HAPROXY - OF_PROBES - OF_INGRESS:
        assert f"## {re.sub('_(bucket|count|sum)$', '', name)}\n" in document


def test_labels_of_the_rules_are_those_of_the_metrics() -> None:
    labels: dict[str, set[str]] = {}
    for one in declare_all().declared():
        for label, values in one.labels.items():
            labels.setdefault(label, set()).update(values)
    for label in ("code", "reason", "result", "tool"):
        for pattern in re.findall(rf'\b{label}[=!]~?"([^"]*)"', TEXT):
            assert set(pattern.split("|")) <= labels[label], label


def test_the_service_is_to_blame_for_errors_of_the_service_only(objectives: ModuleType) -> None:
    ours = set(objectives.OUR_CODES.split("|"))
    assert ours <= set(_codes())
    bad_input = {errors.BadInput.code, *(kind.code for kind in errors.BadInput.__subclasses__())}
    assert not ours & (bad_input | {"not_allowed", "quota_exceeded", "rate_limited", "draining"})
    assert {errors.StoreError.code, errors.OutcomeUnknown.code, errors.Corrupt.code} <= ours


def test_a_range_holds_four_scrapes_at_least() -> None:
    ranges = re.findall(r"(?<!_over_time)\([^()]*\[(\w+)\]", TEXT)
    assert len(ranges) > 20
    assert min(map(milliseconds, ranges)) >= 4 * SCRAPE_MILLISECONDS


def test_groups_are_evaluated_often() -> None:
    for group in groups():
        assert milliseconds(group["interval"]) <= 60_000


# The objectives


def test_the_rules_of_the_objectives_are_what_the_script_writes(objectives: ModuleType) -> None:
    assert objectives.replaced(TEXT, objectives.written(99.9, 99.0, 0.25, 30.0)) == TEXT


def test_the_documents_name_the_objectives_that_are_shipped() -> None:
    for path in ("deploy/prometheus/README.md", "docs/operations.md"):
        text = " ".join((ROOT / path).read_text("utf-8").split())
        assert "99.9 % of the answers" in text, path
        assert "99 %" in text, path
        assert "0.25 s" in text, path


def test_factors_come_from_budget_period_and_window(objectives: ModuleType) -> None:
    assert [round(objectives.factor(one, 30), 9) for one in objectives.WINDOWS] == [14.4, 6, 1]
    assert [round(objectives.factor(one, 7), 9) for one in objectives.WINDOWS] == [3.36, 1.4, 0.233333333]
    assert tuple(objectives.BOUNDS) == LATENCY_SECONDS


def test_an_objective_that_could_never_fire_is_refused(
    objectives: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(TEXT)
    assert objectives.main(["--latency", "50", str(rules)]) == 2
    assert "the window of 1h fires at 720% bad answers, which is never" in capsys.readouterr().err
    assert objectives.main(["--availability", "100", str(rules)]) == 2
    assert rules.read_text() == TEXT
    assert objectives.main(["--availability", "99.5", "--seconds", "0.5", str(rules)]) == 0
    changed = rules.read_text()
    assert "14.4 * 0.005" in changed
    assert [rule["alert"] for rule in alerts(changed)] == [rule["alert"] for rule in ALERTS]
    assert objectives.main([str(rules)]) == 0
    assert rules.read_text() == TEXT


@pytest.mark.parametrize(
    ("seconds", "pattern"), [(0.25, "0.25"), (1.0, r"1|1\\.0"), (2.5, "2.5"), (10.0, r"10|10\\.0")]
)
def test_a_bound_is_matched_as_both_prometheus_2_and_3_write_it(
    objectives: ModuleType, seconds: float, pattern: str
) -> None:
    assert objectives.spelled(seconds) == pattern


# The cases


@every_alert
def test_an_alert_has_cases_in_which_it_fires_ends_and_is_silent(rule: dict[str, Any]) -> None:
    found = [steps(case, rule) for case in cases()]
    assert any(is_firing for each in found for is_firing in each), "no case expects it"
    assert any(one and not following for each in found for one, following in pairwise(each)), "it never ends"
    assert any(each and not each[0] for each in found), "no case asks whether it is silent"


def test_cases_name_alerts_that_are() -> None:
    known = {rule["alert"] for rule in ALERTS}
    for case in cases():
        for one in case["alert_rule_test"]:
            assert one["alertname"] in known, case["name"]
            for expected in one.get("exp_alerts", ()):
                labels = expected["exp_labels"]
                ours = [rule for rule in ALERTS if rule["alert"] == one["alertname"]]
                assert any(is_expected(rule, labels) for rule in ours), (case["name"], labels)


def test_the_input_of_a_case_is_longer_than_the_time_it_asks_for() -> None:
    """Prometheus goes on with the last sample for five minutes; after that, silence would prove nothing."""
    for case in cases():
        samples = [length_of(str(one["values"])) for one in case["input_series"]]
        asked = max(milliseconds(one["eval_time"]) for one in case["alert_rule_test"])
        assert max(samples) * milliseconds(case["interval"]) >= asked, case["name"]


def length_of(values: str) -> int:
    """Return the number of samples of a series in the notation of promtool; `1+2x3` are four."""
    return sum(
        1 + int(repeated[1]) if (repeated := re.fullmatch(r"\S+x(\d+)", one)) and one[0] != "_" else
        int(repeated[1]) if repeated else 1
        for one in values.split()
    )  # fmt: skip


# Shortened


def test_shortened_rules_have_all_times_divided_and_the_same_names() -> None:
    short = shortened(TEXT, 60)
    assert [rule["alert"] for rule in alerts(short)] == [rule["alert"] for rule in ALERTS]
    assert metrics(short) == metrics(TEXT)
    for rule, one in zip(ALERTS, alerts(short), strict=True):
        assert one["annotations"] == rule["annotations"]
        assert milliseconds(one.get("for", "0s")) == milliseconds(rule.get("for", "0s")) / 60
    assert "[5000ms]" in short
    assert "[360000ms:60000ms]" in short
    assert "offset 60000ms" in short
    assert "namespace_job:mcp_answers:rate5m" in short
    assert not re.findall(r"(?:for|interval): \d+[smhd]\b|\[\d+[smhd][\]:]|offset \d+[smhd]\b", short)
