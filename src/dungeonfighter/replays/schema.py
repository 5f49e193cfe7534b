"""The JSON Schema of replays, made from the structs: docs/replay.schema.json.

`make docs` writes the file, and a test fails while it is out of date.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from dungeonfighter.replays.replay import FORMAT, Replay


def replay_schema_text() -> str:
    """Return the schema of the file of a replay, as text."""
    return schema_text(Replay, FORMAT, title="DungeonFighter replay", description="One run; docs/replays.md.")


def schema_text(root: type[msgspec.Struct], form: str, *, title: str, description: str) -> str:
    """Return the JSON Schema (2020-12) of a struct, as text.

    Args:
        root: The struct; its member `format` has always the value `form`.
        form: The name and the number of the format: `dungeonfighter-replay/1`.
        title: The title of the schema.
        description: Its description. The other structs are described by the first lines of their docstrings.
    """
    _, components = msgspec.json.schema_components((root,), ref_template="#/$defs/{name}")
    for schema in components.values():
        if "description" in schema:
            schema["description"] = schema["description"].splitlines()[0]
    own: dict[str, Any] = components.pop(root.__name__)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"dungeonfighter://schema/{form}.json",
        "title": title,
        "description": description,
        "type": "object",
        "properties": own["properties"] | {"format": {"const": form}},
        "required": sorted({"format", *own["required"]}, key=list(own["properties"]).index),
        "$defs": dict(sorted(components.items())),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
