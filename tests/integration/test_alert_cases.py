"""promtool evaluates the alert rules over the cases of `deploy/prometheus/tests`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from testkit.alert_rules import FOLDER, RULES, groups
from tests.parts import program

pytestmark = pytest.mark.long

CASES: Final = sorted((FOLDER / "tests").glob("*.yml"))


ONE_SECOND: Final = """
name: three answers in four are quick enough
interval: 1m
input_series:
- series: mcp_response_time_seconds_count{{job="dungeonfighter",tool="handle_input"}}
  values: '0+100x40'
- series: mcp_response_time_seconds_bucket{{job="dungeonfighter",tool="handle_input",le="{spelling}"}}
  values: '0+75x40'
promql_expr_test:
- expr: round(100 * namespace_job:mcp_answers_slow:ratio_rate5m)
  eval_time: 40m
  exp_samples: [{{labels: '{{job="dungeonfighter"}}', value: 25}}]
alert_rule_test: [{{alertname: LatencyBurnsSlowly, eval_time: 1m}}]
"""


def promtool(*words: str | Path) -> str:
    """Run promtool; return what it prints, which is empty of failures."""
    done = subprocess.run(
        [program("promtool", part="prometheus"), *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def judge(folder: Path, tests: dict[str, Any], rules: str | None = None) -> None:
    """Evaluate cases over the groups of rules that they ask for: the others would take minutes, too."""
    asked = {one["alertname"] for case in tests["tests"] for one in case["alert_rule_test"]}
    chosen = [group for group in groups(rules) if asked & {rule.get("alert") for rule in group["rules"]}]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": chosen}))
    (folder / "cases.yml").write_text(yaml.safe_dump({**tests, "rule_files": ["rules.yml"]}))
    promtool("test", "rules", folder / "cases.yml")


def test_prometheus_reads_the_rules() -> None:
    assert f"SUCCESS: {sum(len(group['rules']) for group in groups())} rules found" in promtool(
        "check", "rules", RULES
    )


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_alerts_fire_clear_and_are_silent(path: Path, tmp_path: Path) -> None:
    judge(tmp_path, yaml.safe_load(path.read_text("utf-8")))


def test_a_case_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    tests = yaml.safe_load((FOLDER / "tests" / "balancer.yml").read_text("utf-8"))
    never = RULES.read_text("utf-8").replace("probe_success", "probe_succes")
    with pytest.raises(AssertionError, match="PublicAddressDown"):
        judge(tmp_path, tests, never)


@pytest.mark.parametrize("spelling", ["1", "1.0"])
def test_a_bound_of_one_second_is_found_as_prometheus_2_and_3_write_it(tmp_path: Path, spelling: str) -> None:
    rules = tmp_path / "objectives.yml"
    rules.write_text(RULES.read_text("utf-8"), "utf-8")
    script = FOLDER / "objectives.py"
    subprocess.run([sys.executable, script, "--seconds", "1", rules], check=True, stdout=subprocess.DEVNULL)
    case = yaml.safe_load(ONE_SECOND.format(spelling=spelling))
    judge(tmp_path, {"evaluation_interval": "1m", "tests": [case]}, rules.read_text("utf-8"))
