"""The JSON Schema of the content files, made from the structs: docs/catalogue.schema.json.

The schema knows shapes and words. What only holds between rows (references, duplicates, gaps) is in `checks`.

Source: docs/catalogue.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, get_args, get_type_hints

import msgspec

from dungeonfighter.rules.catalog import checks
from dungeonfighter.rules.catalog.catalogue import EFFECT_TIMES, ROUTES
from dungeonfighter.rules.catalog.model import EVENT_STATS, HABITS, Content
from dungeonfighter.rules.state import Intent, RoomKind, Slot, Status, Weapon
from dungeonfighter.rules.talents import KEYS

FILE_NAME: Final = "catalogue.schema.json"
_STATUSES: Final = [status.name for status in Status]
_INTENTS: Final = [intent.name for intent in Intent]
_WEAPONS: Final = [weapon.name for weapon in Weapon]
_WORDS: Final[dict[tuple[str, str], Iterable[str]]] = {
    ("Enemy", "hero_class"): ["", *_WEAPONS],
    ("Enemy", "status"): _STATUSES,
    ("Enemy", "habit"): ["", *HABITS],
    ("Enemy", "rank"): checks.RANKS,
    ("HeroAction", "weapon"): ["any", *_WEAPONS],
    ("HeroAction", "route"): ROUTES,
    ("Effect", "status"): _STATUSES,
    ("Effect", "on"): EFFECT_TIMES,
    ("Effect", "who"): ["foe", "self"],
    ("Talent", "key"): sorted(KEYS),
    ("BaseItem", "slot"): [slot.name for slot in Slot],
    ("BaseItem", "weapon"): ["", *_WEAPONS],
    ("Affix", "kind"): ["prefix", "suffix"],
    ("Consumable", "status"): ["", *_STATUSES],
    ("Consumable", "who"): ["foe", "self"],
    ("Hazard", "status"): ["", *_STATUSES],
    ("Place", "kind"): [kind.name for kind in RoomKind],
    ("Place", "tilt"): checks.TILTS,
    ("RoomEvent", "kind"): checks.EVENT_KINDS,
    ("EventOption", "stat"): ["", *EVENT_STATS],
}
"""The words that a field may have, by struct and field."""
_PATTERNS: Final = (("Archetype", "pattern"), ("Enemy", "pattern"), ("Enemy", "pattern_low"))
_TRADED: Final = ("RoomEvent", "EventOption")


def catalogue_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12): one property for each file, which is an array of rows."""
    kinds = {kind: get_args(hint)[0] for kind, hint in get_type_hints(Content).items()}
    _, rows = msgspec.json.schema_components(tuple(kinds.values()), ref_template="#/$defs/{name}")
    for schema in rows.values():
        schema["description"] = " ".join(schema.get("description", "").split())
        schema["additionalProperties"] = False
    for (name, field), words in _WORDS.items():
        rows[name]["properties"][field]["enum"] = list(words)
    for name, field in _PATTERNS:
        rows[name]["properties"][field]["items"]["enum"] = _INTENTS
    for name in _TRADED:
        for field, words in (("cost", checks.COSTS), ("gain", checks.GAINS)):
            rows[name]["properties"][field]["prefixItems"][0]["enum"] = list(words)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "dungeonfighter://schema/catalogue.json",
        "title": "DungeonFighter catalogue",
        "description": "The content files of a catalogue, by name without .json; docs/catalogue.md.",
        "type": "object",
        "properties": {
            kind: {"type": "array", "items": {"$ref": f"#/$defs/{row.__name__}"}}
            for kind, row in kinds.items()
        },
        "additionalProperties": False,
        "$defs": dict(sorted(rows.items())),
    }


def catalogue_schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(catalogue_schema(), indent=2) + "\n"
