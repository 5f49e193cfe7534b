"""Prints a bill of materials (CycloneDX 1.6, JSON): the Python packages of this environment, and Debian's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

STATUS = Path("/var/lib/dpkg/status")
OWN_NAME = "dungeonfighter"


def python_package(one: Distribution) -> dict[str, Any]:
    name = one.metadata["Name"].lower().replace("_", "-")
    component = {
        "type": "library",
        "name": name,
        "version": one.version,
        "purl": f"pkg:pypi/{name}@{one.version}",
        "bom-ref": f"pkg:pypi/{name}@{one.version}",
    }
    expression = one.metadata.get("License-Expression")
    return component | ({"licenses": [{"expression": expression}]} if expression else {})


def debian_packages(status: str) -> Iterator[dict[str, Any]]:
    for paragraph in status.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in paragraph.splitlines() if line[:1] != " " and ": " in line
        )
        if fields.get("Status", "").endswith(" installed"):
            name, version = fields["Package"], fields["Version"]
            purl = f"pkg:deb/debian/{name}@{quote(version, safe='')}?arch={fields['Architecture']}"
            yield {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}


def bill() -> dict[str, Any]:
    packages = sorted(map(python_package, distributions()), key=lambda one: one["name"])
    own = next((one for one in packages if one["name"] == OWN_NAME), {"name": OWN_NAME})
    status = STATUS.read_text(encoding="utf-8") if STATUS.exists() else ""
    interpreter = ".".join(map(str, sys.version_info[:3]))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**own, "type": "application"}},
        "components": [
            {"type": "platform", "name": "cpython", "version": interpreter, "bom-ref": "cpython"},
            *(one for one in packages if one is not own),
            *debian_packages(status),
        ],
    }


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=1)
