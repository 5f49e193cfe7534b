"""The tool definitions that clients get, written by hand: an agent pays for every token of them.

`arguments.py` decides what is accepted; a test keeps names, types and required arguments of both together and
the definitions within their budgets (`core` 900 tokens, `play` 2,500, `fleet` 2,800).
"""

from __future__ import annotations

from typing import Any, Final

NUMBERS: Final = ("turn", "episode")
"""The arguments with which a repeat of a call is safe; `?turns=required` demands them."""
BOT_ID: Final[dict[str, Any]] = {"type": "string", "x-mcp-header": "Bot-Id"}
"""Optional: the bot of the path, else `hero`. 2026-07-28 clients repeat it as `Mcp-Param-Bot-Id`."""

_TEXT: Final[dict[str, Any]] = {"type": "string"}
_COUNT: Final[dict[str, Any]] = {"type": "integer", "minimum": 0}
_NUMBER: Final[dict[str, Any]] = {"type": "integer", "minimum": 1}
_ASCENSION: Final[dict[str, Any]] = {"type": "integer", "minimum": 0, "maximum": 10}
_VIEW: Final[dict[str, Any]] = {"type": "string", "enum": ["text", "json"]}
_SLOT: Final[dict[str, Any]] = {"type": "string", "pattern": "^[a-z0-9-]{1,32}$"}
_STEPS: Final[dict[str, Any]] = {
    "type": "array",
    "items": {"type": "object"},
    "minItems": 1,
    "maxItems": 1000,
}
_RETRY: Final[dict[str, Any]] = {"turn": _COUNT, "episode": _COUNT}


def _said(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {**schema, "description": description}


PROPERTIES: Final[dict[str, dict[str, Any]]] = {
    "start_new_game": {
        "name": _said({"type": "string", "maxLength": 24}, "hero's name"),
        "weapon": {"type": "string", "enum": ["mace", "sword", "dagger", "wand"]},
        "seed": _said(_COUNT, "same seed and inputs, same game"),
        "mode": {"type": "string", "enum": ["casual", "ironman", "daily", "short"]},
        "ascension": _said(_ASCENSION, "harder, each step ranked apart"),
        "seedSet": _said(
            {"type": "string", "enum": ["own", "public", "private"]},
            "own: seed itself; public: seed is 1-100 of it; private: drawn, seed 0",
        ),
        "view": _VIEW,
        "episode": _said(_COUNT, "the new run's number, for safe repeats"),
    },
    "handle_input": {
        "input": {"type": "string", "maxLength": 48},
        "turn": _said(_COUNT, "t of the last view"),
        "episode": _said(_COUNT, "e of the last view"),
        "view": _VIEW,
    },
    "get_game_state": {"view": _VIEW},
    "save_game": {"slot": _SLOT},
    "load_game": {"slot": _SLOT, "episode": _COUNT},
    "reset_game": {"episode": _COUNT},
    "list_bots": {"after": _TEXT, "count": _NUMBER},
    "get_recent_output": {"count": _NUMBER},
    "select_dungeon": {"dungeonIndex": _NUMBER, **_RETRY},
    "get_agent_context": {"recentEventCount": _NUMBER},
    "set_agent_directive": {"directive": {"type": "string", "maxLength": 300}},
    "equip_item": {"item": _NUMBER, **_RETRY},
    "unequip_item": {
        "slot": {"type": "string", "enum": ["weapon", "head", "chest", "legs", "feet"]},
        **_RETRY,
    },
    "compare_items": {"a": _NUMBER, "b": _NUMBER},
    "set_combo_strip": {
        "actions": {"type": "array", "items": _COUNT, "minItems": 1, "maxItems": 8},
        **_RETRY,
    },
    "delete_save": {"slot": _SLOT},
    "handle_inputs": {
        "inputs": {
            "type": "array",
            "items": {"type": "string", "maxLength": 48},
            "minItems": 1,
            "maxItems": 100,
        },
        "turn": _said(_COUNT, "t before the first"),
        "episode": _COUNT,
        "view": _VIEW,
    },
    "step_many": {
        "steps": _said(
            _STEPS, "{botId, input | start, turn?, episode?}; start = {name?, weapon?, seed?, mode?, ...}"
        ),
        "view": _said({"type": "string", "enum": ["text", "json", "none"]}, "of each result"),
    },
    "fork_game": {
        "newBotIds": {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": 64},
        **_RETRY,
        "exact": _said({"type": "boolean"}, "same dice; not of ranked runs"),
    },
    "get_replay": {"episode": _COUNT},
    "get_leaderboard": {
        "mode": {"type": "string", "enum": ["ironman", "daily", "short"]},
        "ascension": _ASCENSION,
        "scope": {"type": "string", "enum": ["fleet", "deployment"]},
        "day": _TEXT,
        "rules": _TEXT,
        "count": _NUMBER,
        "last": _said(_NUMBER, "runs in a fleet's mean"),
    },
}
"""The own arguments of each tool; a tool that is missing here has none."""

NUMBERED_STEPS: Final = _said(
    _STEPS,
    "{botId, input, turn, episode} or {botId, start, episode}; start = {name?, weapon?, seed?, mode?, ...}",
)
"""The `steps` of `step_many` at an address that demands numbers."""

DEMANDED: Final[dict[str, tuple[str, ...]]] = {"fork_game": ("episode",), "get_replay": ()}
"""The arguments that `?turns=required` demands, of tools for which they are not all of `NUMBERS`."""

REQUIRED: Final[dict[str, list[str]]] = {
    "handle_input": ["input"],
    "select_dungeon": ["dungeonIndex"],
    "set_agent_directive": ["directive"],
    "equip_item": ["item"],
    "unequip_item": ["slot"],
    "compare_items": ["a"],
    "set_combo_strip": ["actions"],
    "delete_save": ["slot"],
    "handle_inputs": ["inputs"],
    "step_many": ["steps"],
    "fork_game": ["newBotIds"],
}

DESCRIPTIONS: Final[dict[str, str]] = {
    "start_new_game": "Begin a new run; weapon = class. The present run ends. "
    "botId (on any tool) defaults to hero.",
    "handle_input": 'Play one input, e.g. "1". The answer shows what happened and what is legal. '
    "Give turn (the t of the last view) and a repeat is safe: nothing happens twice.",
    "get_game_state": "The game as it stands; view=json is the full snapshot.",
    "save_game": "Keep a copy of the run in slot (default main). The run itself is always kept.",
    "load_game": "Begin a new run from a saved slot. Casual runs only.",
    "list_bots": "Bots with a run, by id; after = last id seen.",
    "reset_game": "Begin a new run like the present one; clears the directive.",
    "get_available_actions": "The legal inputs with labels.",
    "get_player_stats": "Hero: stats, class, talents, actions, gold.",
    "get_current_dungeon": "The dungeon and the room you are in.",
    "get_inventory": "Worn items, bag (numbered), consumables; what equipping would change.",
    "get_combat_state": "The fight: enemy, its next action, expected damage both ways.",
    "get_recent_output": "The last events (at most 24).",
    "get_available_dungeons": "The dungeons the hub offers, numbered.",
    "select_dungeon": "Enter dungeon n of get_available_dungeons, from the hub.",
    "get_agent_context": "All you need after a break: directive, state, recent events, saves.",
    "set_agent_directive": "Leave yourself a note, which every view shows.",
    "equip_item": "Wear bag item number n.",
    "unequip_item": "Take off what is worn there.",
    "compare_items": "Bag item a against b, or against what is worn.",
    "set_combo_strip": "Order the strip: action numbers of get_player_stats.",
    "delete_save": "Remove a saved slot.",
    "handle_inputs": "Play inputs in order, in one commit; stops before the first that is not legal.",
    "step_many": "Play or start many bots, one step each; results in order, each fails by itself.",
    "fork_game": "Begin a run of each new bot from this one, now or at an earlier turn, with other dice.",
    "get_replay": "A run as a file: options, inputs, digests, result.",
    "get_leaderboard": "Ranked runs that the server executed again, best first.",
}


def demanded(tool: str) -> tuple[str, ...]:
    """Return those of a tool's arguments that `?turns=required` demands."""
    own = PROPERTIES.get(tool, {})
    return DEMANDED.get(tool, tuple(name for name in NUMBERS if name in own))


def input_schema(tool: str, *, with_bot: bool, turns_required: bool = False) -> dict[str, Any]:
    """Return the JSON Schema of a tool's arguments; `turns_required` as in `tool.Seat`."""
    own = PROPERTIES.get(tool, {})
    also_required = demanded(tool) if turns_required else ()
    if turns_required and "steps" in own:
        own = own | {"steps": NUMBERED_STEPS}
    schema: dict[str, Any] = {"type": "object", "properties": {"botId": BOT_ID, **own} if with_bot else own}
    if required := [*REQUIRED.get(tool, []), *also_required]:
        schema["required"] = required
    return schema
