"""The tools that change something: each is shorthand for one canonical input, or one call of the host."""

from __future__ import annotations

from typing import Final

from dungeonfighter import limits
from dungeonfighter.hosting.game import Answer, NewGame, Present
from dungeonfighter.mcp import arguments, views
from dungeonfighter.mcp.answers import ToolAnswer, bad_argument
from dungeonfighter.mcp.arguments import ViewName
from dungeonfighter.mcp.registry import Seat, tool
from dungeonfighter.rules import Mode, Weapon

_REPEATED: Final = "\n(repeated: this input was applied before; nothing happened now)"


def shown(game: Present, view: ViewName | None, note: str = "") -> ToolAnswer:
    """A game in the view that was asked for; `note` goes after the text, whose first line stays the status
    line.
    """
    text = views.text_view(game) + note
    if view != "json":
        return ToolAnswer(text)
    snapshot = views.json_view(game)
    if note:
        snapshot["repeated"] = True
    return ToolAnswer(text, snapshot)


def played(answer: Answer, turn: int | None, view: ViewName | None = None) -> ToolAnswer:
    """The answer to an input. A repeat of the last one is told exactly as it was the first time."""
    late = answer.repeated and turn is not None and turn < answer.game.turn - 1
    return shown(answer.game, view, _REPEATED if late else "")


@tool("core", arguments.StartNewGame)
async def start_new_game(seat: Seat, args: arguments.StartNewGame) -> ToolAnswer:
    """Begin a new run."""
    name = args.name
    if name is not None and not (name.isprintable() and name == name.strip()):
        raise bad_argument("argument `name` must be printable and not begin or end with a space")
    options = NewGame(
        name=name,
        weapon=None if args.weapon is None else int(Weapon[args.weapon]),
        seed=args.seed,
        mode=None if args.mode is None else int(Mode[args.mode]),
    )
    answer = await seat.host.start(seat.key, options, episode=args.episode)
    return shown(answer.game, args.view)


@tool("core", arguments.HandleInput)
async def handle_input(seat: Seat, args: arguments.HandleInput) -> ToolAnswer:
    """Play one input."""
    answer = await seat.host.play(seat.key, args.input, turn=args.turn, episode=args.episode)
    return played(answer, args.turn, args.view)


@tool("core", arguments.GetGameState, reads=True)
async def get_game_state(seat: Seat, args: arguments.GetGameState) -> ToolAnswer:
    """The game as it stands."""
    return shown(await seat.host.read(seat.key), args.view)


@tool("core", arguments.SaveGame)
async def save_game(seat: Seat, args: arguments.SaveGame) -> ToolAnswer:
    """Keep a copy of the run."""
    slot = args.slot or arguments.DEFAULT_SLOT
    game = await seat.host.save(seat.key, slot)
    return ToolAnswer(f"saved {slot}: {views.head(game)}", {"slot": slot} | views.place(game))


@tool("core", arguments.LoadGame)
async def load_game(seat: Seat, args: arguments.LoadGame) -> ToolAnswer:
    """Begin a new run from a copy."""
    answer = await seat.host.load(seat.key, args.slot or arguments.DEFAULT_SLOT, episode=args.episode)
    return shown(answer.game, "text")


@tool("play", arguments.Nothing)
async def reset_game(seat: Seat, args: arguments.Nothing) -> ToolAnswer:
    """Begin a new run like the present one."""
    del args
    return shown((await seat.host.reset(seat.key)).game, "text")


@tool("play", arguments.SelectDungeon)
async def select_dungeon(seat: Seat, args: arguments.SelectDungeon) -> ToolAnswer:
    """Enter a dungeon of the hub's list, from the hub or from the list."""
    return await _input(seat, f"dungeon {args.dungeon_index}", args)


@tool("play", arguments.EquipItem)
async def equip_item(seat: Seat, args: arguments.EquipItem) -> ToolAnswer:
    """Wear an item of the bag."""
    return await _input(seat, f"equip {args.item}", args)


@tool("play", arguments.UnequipItem)
async def unequip_item(seat: Seat, args: arguments.UnequipItem) -> ToolAnswer:
    """Take off what is worn in a slot."""
    return await _input(seat, f"unequip {args.slot}", args)


@tool("play", arguments.SetComboStrip)
async def set_combo_strip(seat: Seat, args: arguments.SetComboStrip) -> ToolAnswer:
    """Put the strip in an order."""
    return await _input(seat, "strip " + ",".join(map(str, args.actions)), args)


@tool("play", arguments.SetAgentDirective)
async def set_agent_directive(seat: Seat, args: arguments.SetAgentDirective) -> ToolAnswer:
    """Leave a note beside the run."""
    game = await seat.host.set_directive(seat.key, args.directive)
    return ToolAnswer("directive set" if game.directive else "directive cleared", views.place(game))


@tool("play", arguments.DeleteSave)
async def delete_save(seat: Seat, args: arguments.DeleteSave) -> ToolAnswer:
    """Remove a saved copy."""
    await seat.host.delete_save(seat.key, args.slot)
    return ToolAnswer(f"deleted {args.slot}", {"slot": args.slot})


Shorthand = arguments.SelectDungeon | arguments.EquipItem | arguments.UnequipItem | arguments.SetComboStrip


async def _input(seat: Seat, text: str, args: Shorthand) -> ToolAnswer:
    """Play the canonical input a tool stands for."""
    if len(text) > limits.input_chars_max:
        raise bad_argument(f"that is longer than an input may be ({limits.input_chars_max} characters)")
    answer = await seat.host.play(seat.key, text, turn=args.turn, episode=args.episode)
    return played(answer, args.turn)
