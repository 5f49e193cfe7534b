"""Writes the JSON Schemas in docs/ from the structs; tests fail while one is out of date."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from dungeonfighter.mcp.views import view_schema_text
from dungeonfighter.replays.schema import replay_schema_text
from dungeonfighter.rules.catalog.schema import FILE_NAME, catalogue_schema_text
from dungeonfighter.trajectories.schema import trajectory_schema_text

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
SCHEMAS: Final[dict[str, Callable[[], str]]] = {
    "view.schema.json": view_schema_text,
    "replay.schema.json": replay_schema_text,
    "trajectory.schema.json": trajectory_schema_text,
    FILE_NAME: catalogue_schema_text,
}
"""The maker of each file."""

if __name__ == "__main__":
    for name, text in SCHEMAS.items():
        (DOCS / name).write_text(text(), encoding="utf-8")
