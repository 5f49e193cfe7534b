"""Our short list of fields agrees with the list of the Elastic Common Schema that Elastic publishes."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from dungeonfighter.telemetry.log_lines import ECS_VERSION
from tests.clients.played import node
from tests.parts import go_without
from tests.unit.house.sources import ROOT
from tests.unit.telemetry.ecs_fields import OWN_FIELDS

FOLDER = ROOT / ".parts" / "node"
PACKAGE = FOLDER / "node_modules" / "@elastic" / "ecs"
SCRIPT = "process.stdout.write(JSON.stringify(require('@elastic/ecs').EcsFlat))"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def published() -> dict[str, dict[str, Any]]:
    """Return the published fields by name."""
    program = node("ecs-fields")
    if not PACKAGE.exists():
        go_without("ecs-fields")
    read = subprocess.run([program, "-e", SCRIPT], cwd=FOLDER, check=True, capture_output=True, timeout=60)
    fields: dict[str, dict[str, Any]] = json.loads(read.stdout)
    assert len(fields) > 1000
    return fields


def test_the_version_is_the_published_one() -> None:
    if not PACKAGE.exists():
        go_without("ecs-fields")
    assert json.loads((PACKAGE / "package.json").read_text())["version"] == ECS_VERSION


@pytest.mark.parametrize("name", OWN_FIELDS)
def test_a_field_has_the_published_type_and_values(name: str, published: dict[str, dict[str, Any]]) -> None:
    ours, theirs = OWN_FIELDS[name], published[name]
    assert ours.type == theirs["type"]
    assert ours.is_list == ("array" in theirs["normalize"])
    allowed = {value["name"] for value in theirs.get("allowed_values", ())}
    assert set(ours.allowed) <= allowed if allowed else not ours.allowed


def test_our_namespace_is_no_field_of_the_schema(published: dict[str, dict[str, Any]]) -> None:
    assert not [name for name in published if name.split(".")[0] == "dungeonfighter"]


def test_no_object_of_the_schema_is_used_as_a_value(published: dict[str, dict[str, Any]]) -> None:
    objects = {name.rpartition(".")[0] for name in published}
    assert not objects & set(OWN_FIELDS)
