"""What deploy/kubernetes renders passes the schemas of Kubernetes and of the operators."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.custom_resources import problems
from tests.manifests import JOBS, OVERLAYS, PROD, Manifest, Rendered, copied, edit, render, rendered
from tests.parts import program

pytestmark = pytest.mark.long

CUSTOM: Final = ("cnpg.io/", "monitoring.coreos.com/", "gateway.networking.k8s.io/")
OLDEST, NEWEST = "1.30", "1.37"
"""The releases of Kubernetes whose schemas the manifests pass; docs/kubernetes.md names the first."""


def is_custom(manifest: Manifest) -> bool:
    return any(group in manifest["apiVersion"] for group in CUSTOM)


def custom_resources() -> dict[str, Manifest]:
    """Return every custom resource of all renderings, by kind and name."""
    found = [one for name in OVERLAYS for one in rendered(name).manifests if is_custom(one)]
    return {f"{one['kind']} {one['metadata']['name']}": one for one in found}


def validate(manifests: list[Manifest], folder: Path, release: str) -> list[str]:
    """Return the lines of kubernetes-validate about all that it did not find valid."""
    file = folder / f"{release}.yaml"
    file.write_text(yaml.safe_dump_all(manifests), "utf-8")
    words = [program("kubernetes-validate", part="kubernetes"), "--strict", "-k", release, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) >= len(manifests), done.stderr
    return [line for line in lines if not line.startswith("INFO ")]


@pytest.mark.parametrize("release", [OLDEST, NEWEST])
def test_the_schemas_of_kubernetes_accept_every_rendering(release: str, tmp_path: Path) -> None:
    found = {
        json.dumps(one): one
        for name in OVERLAYS + JOBS
        for one in rendered(name).manifests
        if not is_custom(one)
    }
    assert validate([*found.values()], tmp_path, release) == []


@pytest.mark.parametrize(
    "component", ["monitoring", "cloudnative-pg", "valkey", "autoscaling", "network-policies"]
)
def test_an_overlay_may_leave_a_component_out(component: str, tmp_path: Path) -> None:
    copied_folder = copied(tmp_path)
    edit(copied_folder / PROD, [(f"  - ../../components/{component}\n", "")])
    if component == "cloudnative-pg":
        edit(copied_folder / PROD, [("patches:\n  - path: backups.yaml\n", "")])
    assert Rendered(render(copied_folder / "overlays" / "prod")).one("Deployment", "dungeonfighter")


def test_the_schemas_of_kubernetes_refuse_wrong_fields(tmp_path: Path) -> None:
    right = rendered("overlays/prod").one("Deployment", "dungeonfighter")
    wrong = [copy.deepcopy(right) for _ in range(4)]
    wrong[0]["spec"]["replica"] = 3
    wrong[1]["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    wrong[2]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = "75"
    del wrong[3]["spec"]["selector"]
    lines = validate([*wrong, right], tmp_path, NEWEST)
    assert len(lines) == len(wrong)
    assert all(line.startswith("ERROR ") for line in lines)


def test_the_schemas_of_the_operators_accept_every_custom_resource() -> None:
    assert {name: found for name, one in custom_resources().items() if (found := problems(one))} == {}


def test_the_schemas_of_the_operators_refuse_a_wrong_field_at_every_place() -> None:
    for name, one in custom_resources().items():
        for place, broken in broken_copies(one):
            assert problems(broken), f"{name}: a wrong field of {place} passes"


MAPS: Final = {"parameters", "matchLabels", "labels", "annotations", "limits", "requests"}
"""Fields whose keys are free."""


def broken_copies(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Yield a copy with a wrong field for each object of a custom resource, and its place."""
    places = [keys for keys in objects(manifest) if keys[:1] != ("metadata",) and not MAPS & {*keys}]
    for keys in places:
        broken = copy.deepcopy(manifest)
        place: Any = broken
        for key in keys:
            place = place[key]
        place["wrongField"] = "x"
        yield ".".join(map(str, keys)), broken


def objects(value: object, keys: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the keys that lead to each object below a value."""
    if isinstance(value, dict):
        yield keys
        for key, below in value.items():
            yield from objects(below, (*keys, key))
    elif isinstance(value, list):
        for number, below in enumerate(value):
            yield from objects(below, (*keys, number))


ALERTS: Final = """
rule_files: [rules.yml]
evaluation_interval: 1m
tests:
- interval: 1m
  input_series:
  - series: barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{namespace="games",pod="games-1"}
    values: 60x1500 90000x1500
  - series: barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{namespace="games",pod="games-2"}
    values: 0x3000
  - series: cnpg_collector_pg_wal_archive_status{namespace="games",pod="games-1",value="ready"}
    values: 2x60 30x30 0x2910
  alert_rule_test:
  - {eval_time: 1500m, alertname: DatabaseBackupTooOld}
  - eval_time: 1m
    alertname: DatabaseArchiveStalls
  - eval_time: 80m
    alertname: DatabaseArchiveStalls
    exp_alerts: [{exp_labels: {namespace: games, severity: page}, exp_annotations: ARCHIVE}]
  - {eval_time: 100m, alertname: DatabaseArchiveStalls}
- interval: 1m
  input_series:
  - series: barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{namespace="games",pod="games-1"}
    values: 60x1700
  alert_rule_test:
  - {eval_time: 1560m, alertname: DatabaseBackupTooOld}
  - eval_time: 1630m
    alertname: DatabaseBackupTooOld
    exp_alerts: [{exp_labels: {namespace: games, severity: ticket}, exp_annotations: BACKUP}]
- interval: 1m
  alert_rule_test:
  - eval_time: 90m
    alertname: DatabaseBackupTooOld
    exp_alerts: [{exp_labels: {severity: ticket}, exp_annotations: BACKUP}]
"""


def test_the_alerts_of_the_database_fire_and_clear(tmp_path: Path) -> None:
    spec = rendered("overlays/prod").one("PrometheusRule", "games")["spec"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(spec), "utf-8")
    text = ALERTS
    for mark, rule in zip(("BACKUP", "ARCHIVE"), spec["groups"][0]["rules"], strict=True):
        shown = {**rule["annotations"], "runbook_url": rule["annotations"]["runbook_url"].partition("}}")[2]}
        text = text.replace(mark, json.dumps(shown))
    (tmp_path / "tests.yml").write_text(text, "utf-8")
    words = [program("promtool", part="prometheus"), "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
