"""The schemas of custom resources, as strict as an API server that refuses unknown fields."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest

from tests.manifests import Manifest, read
from tests.unit.house.sources import ROOT

FOLDER: Final = Path(os.environ.get("CUSTOM_RESOURCE_DEFINITIONS", ROOT.parent / "shared" / "data" / "crds"))
"""The folder with the CustomResourceDefinitions of the operators."""
BARMAN: Final = "ObjectStore"
"""A kind of the Barman Cloud plugin, of which no definition is at hand."""


@functools.cache
def definitions() -> dict[str, Manifest]:
    """Return the strict schema of each kind; skip the test if the definitions are not at hand."""
    files = sorted(FOLDER.glob("*.yaml"))
    if not files:
        pytest.skip(f"no definitions in CUSTOM_RESOURCE_DEFINITIONS or {FOLDER.relative_to(ROOT.parent)}")
    found = [one for file in files for one in read(file.read_text("utf-8"))]
    schemas = {one["spec"]["names"]["kind"]: _schema(one) for one in found}
    schemas[BARMAN] = _of_object_store(schemas["Cluster"]["properties"]["spec"]["properties"])
    return schemas


def problems(manifest: Manifest) -> list[str]:
    """Return what the schema of its kind refuses in a custom resource."""
    schema = definitions()[manifest["kind"]]
    errors = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{one.json_path}: {one.message}" for one in errors]


def _schema(definition: Manifest) -> Manifest:
    versions = {one["name"]: one for one in definition["spec"]["versions"] if one["served"]}
    strict: Manifest = _strict(versions["v1"]["schema"]["openAPIV3Schema"])
    strict["properties"]["apiVersion"] = {"const": f"{definition['spec']['group']}/v1"}
    strict["properties"]["metadata"] = {"type": "object", "required": ["name"]}
    return strict


def _of_object_store(cluster: Manifest) -> Manifest:
    """Return the schema of the fields of an ObjectStore whose types are those of parts of a Cluster."""
    sidecar = {"type": "object", "properties": {"resources": cluster["resources"]}}
    spec = {
        "configuration": cluster["backup"]["properties"]["barmanObjectStore"],
        "instanceSidecarConfiguration": sidecar,
        "retentionPolicy": {"type": "string", "pattern": "^[1-9][0-9]*[dwm]$"},
    }
    properties = {
        "apiVersion": {"const": "barmancloud.cnpg.io/v1"},
        "kind": {"type": "string"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {"type": "object", "properties": spec, "required": ["configuration"]},
    }
    strict: Manifest = _strict({"type": "object", "properties": properties})
    return strict


def _strict(schema: Any) -> Any:
    """Refuse unknown fields wherever a type has fields, and take both types of an IntOrString."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: {name: _strict(one) for name, one in value.items()} if key == "properties" else _strict(value)
        for key, value in schema.items()
    }
    is_open = made.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in made
    if isinstance(made.get("properties"), dict) and not is_open:
        made["additionalProperties"] = False
    if made.get("x-kubernetes-int-or-string"):
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
        made.pop("type", None)
    return made
