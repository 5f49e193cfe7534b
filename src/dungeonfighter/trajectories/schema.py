"""The JSON Schema of trajectories, made from the structs: docs/trajectory.schema.json."""

from __future__ import annotations

from dungeonfighter.replays.schema import schema_text
from dungeonfighter.trajectories.steps import FORMAT, Step


def trajectory_schema_text() -> str:
    """Return the schema of one line, as text."""
    return schema_text(
        Step,
        FORMAT,
        title="DungeonFighter trajectory",
        description="One line: a state of a run, and the input that the bot sent in it; "
        "docs/trajectories.md.",
    )
