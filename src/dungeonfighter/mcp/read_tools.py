"""The tools that only read: small texts for a model, and the same as a JSON object for programs.

Each reads the game once, so its answer shows one moment of one run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dungeonfighter import limits
from dungeonfighter.access.visible_bots import visible_bots
from dungeonfighter.hosting.answers import Present
from dungeonfighter.mcp import arguments, views
from dungeonfighter.mcp.answers import ToolAnswer, bad_argument, in_both_forms
from dungeonfighter.mcp.bot_ids import checked_bot_id
from dungeonfighter.mcp.tool import Seat, tool
from dungeonfighter.rules.views.observation import Choice, ItemView, Observation, PlayerView, StatusView

RECENT_DEFAULT: Final = 10
CONTEXT_RECENT_DEFAULT: Final = 15
BOTS_DEFAULT: Final = 100
_DIRECTIVE: Final = "directive: "
_PHASES: Final = {
    "doors": "cleared; the doors to the next room:",
    "fight": "the fight goes on",
    "offer": "an offer to answer",
    "cleared": "cleared",
}
"""The words for `RoomView.phase`."""


@tool("play", arguments.ListBots, reads=True, takes_bot=False)
async def list_bots(seat: Seat, args: arguments.ListBots) -> ToolAnswer:
    after = "" if args.after in {None, ""} else checked_bot_id(args.after)
    count = args.count or BOTS_DEFAULT
    lines = await visible_bots(seat.host, seat.principal, after, count)
    bots = [
        {"botId": line.bot_id.rpartition("/")[2], "episode": line.episode, "turn": line.turn}
        for line in lines
    ]
    text = "\n".join(f"{bot['botId']} e{bot['episode']} t{bot['turn']}" for bot in bots)
    more = len(bots) == count
    if more:
        text += f"\nthere may be more: call with after={bots[-1]['botId']}"
    elif not bots:
        text = f"no bots after {after}" if after else "no bots yet; start_new_game makes one"
    return in_both_forms(text, {"bots": bots, "more": more})


@tool("play", arguments.ToolArguments, reads=True)
async def get_available_actions(seat: Seat, args: arguments.ToolArguments) -> ToolAnswer:
    del args
    game, seen = await _look(seat)
    text = "\n".join(map(_action, seen.available_actions))
    actions = views.plain(seen)["availableActions"]
    return _answer(
        game, text or "none: the run is over; start_new_game begins another", {"availableActions": actions}
    )


def _action(choice: Choice) -> str:
    """Return a line for a legal input; a pattern comes with an example, which is legal as it stands."""
    given = f"{choice.pattern} (for example {choice.input})" if choice.pattern else choice.input
    return f"{given}: {choice.label}"


@tool("play", arguments.ToolArguments, reads=True)
async def get_player_stats(seat: Seat, args: arguments.ToolArguments) -> ToolAnswer:
    del args
    game, seen = await _look(seat)
    return _answer(game, _hero(seen.player), {"player": views.plain(seen)["player"]})


@tool("play", arguments.ToolArguments, reads=True)
async def get_current_dungeon(seat: Seat, args: arguments.ToolArguments) -> ToolAnswer:
    del args
    game, seen = await _look(seat)
    whole = views.plain(seen)
    parts = {"currentDungeon": whole["currentDungeon"], "currentRoom": whole["currentRoom"]}
    return _answer(game, "\n".join(_place(seen)), parts)


@tool("play", arguments.ToolArguments, reads=True)
async def get_inventory(seat: Seat, args: arguments.ToolArguments) -> ToolAnswer:
    del args
    game, seen = await _look(seat)
    player = views.plain(seen)["player"]
    parts = {part: player[part] for part in ("worn", "bag", "consumables", "gold", "potions")}
    return _answer(game, "\n".join(_belongings(seen.player)), parts)


@tool("play", arguments.ToolArguments, reads=True)
async def get_combat_state(seat: Seat, args: arguments.ToolArguments) -> ToolAnswer:
    del args
    game, seen = await _look(seat)
    return _answer(game, "\n".join(_fight(seen)), {"combat": views.plain(seen)["combat"]})


@tool("play", arguments.GetRecentOutput, reads=True)
async def get_recent_output(seat: Seat, args: arguments.GetRecentOutput) -> ToolAnswer:
    game, seen = await _look(seat)
    events = _recent(seen, args.count or RECENT_DEFAULT)
    return _answer(game, "\n".join(events) or "nothing yet", {"recentOutput": events})


@tool("play", arguments.ToolArguments, reads=True)
async def get_available_dungeons(seat: Seat, args: arguments.ToolArguments) -> ToolAnswer:
    del args
    game, seen = await _look(seat)
    dungeons = views.plain(seen)["dungeons"]
    return _answer(game, "\n".join(_dungeons(seen)), {"dungeons": dungeons})


@tool("play", arguments.GetAgentContext, reads=True)
async def get_agent_context(seat: Seat, args: arguments.GetAgentContext) -> ToolAnswer:
    game, seen = await _look(seat)
    events = _recent(seen, args.recent_event_count or CONTEXT_RECENT_DEFAULT)
    saves = await seat.host.saves(seat.key)
    lines = [_DIRECTIVE + (views.quoted(game.directive) if game.directive else "none")]
    if saves:
        lines.append("saves: " + ", ".join(f"{save.slot} (e{save.episode} t{save.turn})" for save in saves))
    lines += [*(f"- {event}" for event in events), "", views.text_view(game)]
    slots = [{"slot": save.slot, "episode": save.episode, "turn": save.turn} for save in saves]
    parts: dict[str, object] = {
        "currentState": seen.current_state,
        "directive": game.directive,
        "saves": slots,
        "recentEvents": events,
        "choices": views.plain(seen)["availableActions"],
    }
    return in_both_forms("\n".join(lines), views.place(game) | parts)


@tool("play", arguments.CompareItems, reads=True)
async def compare_items(seat: Seat, args: arguments.CompareItems) -> ToolAnswer:
    game, seen = await _look(seat)
    one = _bag_item(seen.player, "a", args.a)
    if args.b is None:
        other = next((item for item in seen.player.worn if item.slot == one.slot), None)
    else:
        other = _bag_item(seen.player, "b", args.b)
        if other.slot != one.slot:
            raise bad_argument(
                f"argument `b` must be an item for the {one.slot}, like `a`; {args.b} is for {other.slot}"
            )
    lines = [f"a: {_item(one)}", f"b: {_item(other)}" if other else f"b: nothing worn ({one.slot})"]
    lines.append(_verdict(one, other if args.b is not None else None))
    parts: dict[str, object] = {"a": views.plain(one), "b": views.plain(other) if other else {}}
    return _answer(game, "\n".join(lines), parts)


async def _look(seat: Seat) -> tuple[Present, Observation]:
    game = await seat.host.read(seat.key)
    return game, views.observe(game)


def _answer(game: Present, text: str, parts: dict[str, object]) -> ToolAnswer:
    return in_both_forms(f"{views.head(game)}\n{text}", views.place(game) | parts)


def _recent(seen: Observation, count: int) -> list[str]:
    return seen.recent_output[-min(count, limits.recent_output_max) :]


def _joined(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def _statuses(statuses: Iterable[StatusView]) -> str:
    return _joined(f"{status.name} {status.amount}" for status in statuses)


def _hero(player: PlayerView) -> str:
    actions = _joined(f"{action.number} {action.name}" for action in player.actions)
    return "\n".join([
        f"{player.name}, {player.hero_class or 'no class'}, level {player.level}",
        f"health {player.health}/{player.health_max}, xp {player.xp}/{player.xp_next}, scars {player.scars}",
        f"damage {player.damage}, armour {player.armour}, gold {player.gold}, potions {player.potions}",
        f"STR {player.strength} AGI {player.agility} TEC {player.technique} INT {player.intelligence}",
        f"statuses: {_statuses(player.statuses)}",
        f"talents: {_joined(player.talents)}",
        f"strip: {_joined(player.strip)}",
        f"actions: {actions}",
    ])  # fmt: skip


def _place(seen: Observation) -> list[str]:
    dungeon, room = seen.current_dungeon, seen.current_room
    if dungeon is None:
        return [f"not in a dungeon ({seen.current_state})"]
    lines = [
        f"{dungeon.name} ({dungeon.theme}), level {dungeon.level}, room {dungeon.room} of {dungeon.rooms}"
    ]
    if dungeon.boss:
        lines.append("a boss waits in the last room")
    if room is not None:
        lines.append(f"{room.name}: {room.kind}, {_PHASES[room.phase]}" if room.name else "at the entrance")
        lines += [
            f"door {door.number}: {_joined(filter(None, (door.kind, door.hint)))}" for door in room.doors
        ]
    return lines


def _belongings(player: PlayerView) -> list[str]:
    lines = [f"{item.slot}: {_item(item)}" for item in player.worn] or ["nothing worn"]
    lines += [f"{item.number} {_item(item)}; {item.change}" for item in player.bag] or ["the bag is empty"]
    lines += [
        f"{thing.name} x{thing.count} (input {thing.input}): {thing.text}" for thing in player.consumables
    ]
    return [*lines, f"gold {player.gold}, potions {player.potions}"]


def _item(item: ItemView) -> str:
    base = f"damage {item.damage}" if item.slot == "weapon" else f"armour {item.armour}"
    extra = "".join(f", {word}" for word in (*item.affixes, *item.actions))
    return f"{item.name} ({item.rarity}, level {item.level}, {base}{extra})"


def _verdict(one: ItemView, other: ItemView | None) -> str:
    if other is None:
        return f"wearing a instead: {one.change}"
    return f"wearing a: {one.change}; wearing b: {other.change}"


def _fight(seen: Observation) -> list[str]:
    fight = seen.combat
    if fight is None:
        return [f"not in a fight ({seen.current_state})"]
    undead = ", undead" if fight.undead else ""
    intent = f"{fight.intent} ({fight.intent_status})" if fight.intent_status else fight.intent
    enemy, own = fight.enemy_acts_in / 1000, fight.hero_acts_in / 1000
    order = "it acts before you do" if fight.enemy_first else "before it does, without a critical miss"
    damage = f", ~{fight.incoming} damage" if fight.incoming else ""
    return [
        f"{fight.enemy}, {fight.rank} {fight.archetype} level {fight.level}{undead}",
        f"health {fight.health}/{fight.health_max}, armour {fight.armour}",
        f"it shows: {intent}{damage} in {enemy:.1f} s",
        f"your plain hit: ~{fight.outgoing} damage; you act again in {own:.1f} s ({order})",
        f"its statuses: {_statuses(fight.statuses)}; yours: {_statuses(seen.player.statuses)}",
        f"strip step {fight.strip_step}, next on a combo: {fight.next_action or 'none'}",
    ]


def _dungeons(seen: Observation) -> list[str]:
    if not seen.dungeons:
        return [f"no dungeon can be chosen now ({seen.current_state})"]
    return [
        f"{dungeon.number} {dungeon.name} ({dungeon.theme}), level {dungeon.level}, {dungeon.rooms} rooms"
        + (", boss" if dungeon.boss else "") + (", cleared before" if dungeon.cleared else "")
        + f"; known: {_joined(dungeon.enemies)}; reward: {dungeon.reward}"
        for dungeon in seen.dungeons
    ]  # fmt: skip


def _bag_item(player: PlayerView, argument: str, number: int) -> ItemView:
    for item in player.bag:
        if item.number == number:
            return item
    held = f"1 to {len(player.bag)}" if player.bag else "none: the bag is empty"
    raise bad_argument(
        f"argument `{argument}` must be the number of an item in the bag ({held}); got {number}"
    )
