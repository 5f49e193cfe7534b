"""The form of a bill of materials in CycloneDX 1.6, as far as ours goes: each field of ours, and no other."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import jsonschema

_TEXT: Final = {"type": "string", "minLength": 1}
_PURL: Final = r"^pkg:(pypi/[a-z0-9-]+|deb/debian/[a-z0-9.+-]+)@[^\s@/:]+(\?arch=\w+)?$"
_COMPONENT: Final = {
    "type": "object",
    "required": ["type", "name", "version", "bom-ref"],
    "additionalProperties": False,
    "properties": {
        "type": {"enum": ["application", "library", "platform"]},
        "name": _TEXT,
        "version": _TEXT,
        "bom-ref": _TEXT,
        "purl": {"type": "string", "pattern": _PURL},
        "licenses": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["expression"],
                "additionalProperties": False,
                "properties": {"expression": _TEXT},
            },
        },
    },
}  # fmt: skip
SCHEMA: Final = {
    "type": "object",
    "required": ["bomFormat", "specVersion", "version", "metadata", "components"],
    "additionalProperties": False,
    "properties": {
        "bomFormat": {"const": "CycloneDX"},
        "specVersion": {"const": "1.6"},
        "version": {"type": "integer", "minimum": 1},
        "metadata": {
            "type": "object",
            "required": ["component"],
            "additionalProperties": False,
            "properties": {"component": _COMPONENT},
        },
        "components": {"type": "array", "minItems": 1, "uniqueItems": True, "items": _COMPONENT},
    },
}


def check_bill(bill: Any) -> None:
    """Check the form of a bill, and that no two components have one reference.

    Raises:
        jsonschema.ValidationError, AssertionError: It is wrong.
    """
    jsonschema.Draft202012Validator(SCHEMA).validate(bill)
    counted = Counter(one["bom-ref"] for one in (bill["metadata"]["component"], *bill["components"]))
    assert counted.most_common(1)[0][1] == 1, counted.most_common(3)
