"""The bill of materials that the image contains, made from the packages of this environment."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from tests.bills import check_bill
from tests.unit.house.sources import ROOT


@pytest.fixture(scope="module")
def bill() -> Any:
    script = ROOT / "deploy" / "container" / "sbom.py"
    return json.loads(subprocess.run([sys.executable, script], capture_output=True, check=True).stdout)


def test_the_bill_is_valid_and_names_what_is_installed(bill: Any) -> None:
    check_bill(bill)
    found = {one["name"]: one for one in bill["components"]}
    assert {"cpython", "apsw", "uvicorn"} <= found.keys()
    assert found["pyjwt"]["purl"].startswith("pkg:pypi/pyjwt@")
    assert bill["metadata"]["component"]["name"] == "dungeonfighter"


def test_a_wrong_bill_is_noticed(bill: Any) -> None:
    first = bill["components"][0]
    for wrong in (
        bill | {"specVersion": "1.7"},
        bill | {"components": [first | {"version": ""}]},
        bill | {"components": [first | {"type": "package"}]},
        bill | {"components": [first, first | {"name": "other"}]},
    ):
        with pytest.raises((jsonschema.ValidationError, AssertionError)):
            check_bill(wrong)
