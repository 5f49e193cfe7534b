"""The two views of a game: compact text for a model, and the full snapshot for programs.

`text_view` is `rules.text` with the run and turn in front (`e3 t14`); the JSON view is `Observation` with
`botId` and `episode`. Its JSON Schema is generated from the structs, so the two cannot drift apart:

    python -m dungeonfighter.mcp.views > docs/view.schema.json

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import msgspec

from dungeonfighter import limits
from dungeonfighter.hosting.answers import Present
from dungeonfighter.replays.commitment import commitment
from dungeonfighter.rules import Mode, Observation

VIEW_SCHEMA_URI: Final = "dungeonfighter://schema/view.json"


def head(game: Present) -> str:
    """Return the run and the turn of a view: `e3 t14`."""
    return f"e{game.episode} t{game.turn}"


def text_view(game: Present) -> str:
    """Return compact text for a model: status line, the bot's note, events, numbered legal inputs.

    The first and the last view of a ranked run also have the commitment to its seed, and what it hides.
    """
    text = game.rules.text(game.state, head(game))
    if game.directive:
        status, _, rest = text.partition("\n")
        text = f"{status}\nYour note: {quoted(game.directive)}\n{rest}"
    state = game.state
    if state.nonce and (state.turn == 0 or state.over):
        text += "".join(f"\n{name} {value}" for name, value in proof(game).items())
    return text


def quoted(directive: str) -> str:
    """Return a directive on one line in quotes, so that it cannot pass for text of the game.

    Earlier versions took longer ones, which are cut.
    """
    return f'"{" ".join(directive[: limits.directive_chars_max].split())}"'


def proof(game: Present) -> dict[str, object]:
    """Return the commitment to the seed of a ranked run, and the seed and its nonce when the run is over.

    The seed of a daily run is that of others too, so a replay shows it when the day is over.
    """
    state = game.state
    if not state.nonce:
        return {}
    shown: dict[str, object] = {"commitment": commitment(state.seed, state.nonce, bot_of(game), game.episode)}
    if state.over and state.mode != Mode.daily:
        shown |= {"seed": state.seed, "nonce": state.nonce.hex()}
    return shown


def observe(game: Present) -> Observation:
    """Return the hero's knowledge, typed."""
    return game.rules.observe(game.state)


def bot_of(game: Present) -> str:
    """Return the bot's own id, without its fleet."""
    return game.key.partition("/")[2]


def place(game: Present) -> dict[str, object]:
    """Return the run and the turn of an answer, for programs."""
    return {"episode": game.episode, "turn": game.turn}


def legal(game: Present) -> list[str]:
    """Return the legal inputs, in the order in which the text view lists them."""
    return [choice.input for choice in game.rules.legal_inputs(game.state)]


def json_view(game: Present, text: str | None = None) -> dict[str, object]:
    """Return the full snapshot as a JSON object with camelCase keys, and `text` (default: the text view)."""
    snapshot: dict[str, object] = {"botId": bot_of(game), "episode": game.episode}
    snapshot |= plain(observe(game))
    snapshot |= proof(game)
    if game.directive:
        snapshot["directive"] = game.directive
    snapshot["text"] = text_view(game) if text is None else text
    return snapshot


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """Return a struct as a JSON object."""
    built: dict[str, Any] = msgspec.to_builtins(value)
    return built


def view_schema() -> dict[str, object]:
    """Return the JSON Schema (2020-12) of the JSON view."""
    root, components = _schema_of(Observation)
    own: dict[str, object] = {
        "botId": {
            "type": "string",
            "pattern": f"^{limits.bot_id_pattern.pattern.removesuffix(chr(92) + 'Z')}$",
        },
        "episode": {"type": "integer", "minimum": 1},
        "text": {"type": "string", "description": "The text view: the text block of the same answer."},
        "commitment": {
            "type": "string",
            "pattern": "^[0-9a-f]{64}$",
            "description": "Only of ranked runs: the SHA-256 of seed, nonce, bot and episode.",
        },
        "nonce": {
            "type": "string",
            "pattern": "^[0-9a-f]{32}$",
            "description": "Only of ranked runs that are over and not daily: what the commitment hides.",
        },
        "directive": {"type": "string", "description": "Only if one is set: the note of the bot."},
        "repeated": {
            "const": True,
            "description": "Only when the input had been applied some turns ago: nothing happened now.",
        },
        "applied": {
            "type": "integer",
            "minimum": 1,
            "description": "Only of handle_inputs: how many were applied, now or when first sent.",
        },
        "asked": {
            "type": "integer",
            "minimum": 1,
            "description": "Only of handle_inputs: how many there were.",
        },
        "stopped": {
            "type": "object",
            "description": "Only of handle_inputs: the first that was not applied, its number from 1, why.",
            "properties": {
                "at": {"type": "integer"},
                "input": {"type": "string"},
                "code": {"enum": ["illegal_input", "run_over"]},
            },
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": VIEW_SCHEMA_URI,
        "title": "DungeonFighter view",
        "description": "structuredContent of the tools that take view=json.",
        "type": "object",
        "properties": own | root["properties"],
        "required": ["botId", "episode", "text", *root["required"]],
        "$defs": components,
    }


def view_schema_text() -> str:
    """Return the schema as the text of the resource and of docs/view.schema.json."""
    return json.dumps(view_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema_of(root: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of `root`, and those of its structs, with the first line of each docstring."""
    _, components = msgspec.json.schema_components((root,), ref_template="#/$defs/{name}")
    for schema in components.values():
        if "description" in schema:
            schema["description"] = schema["description"].splitlines()[0]
    own = components.pop(root.__name__)
    return own, dict(sorted(components.items()))


if __name__ == "__main__":
    sys.stdout.write(view_schema_text())
