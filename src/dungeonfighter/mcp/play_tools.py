"""The tools that change a game: each stands for one canonical input, or for one call of the host."""

from __future__ import annotations

from dungeonfighter import hero_names, limits
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.mcp import arguments, views
from dungeonfighter.mcp.answers import Ask, ToolAnswer, bad_argument, in_both_forms, shown
from dungeonfighter.mcp.tool import Seat, playing, tool
from dungeonfighter.rules import Mode, Weapon
from dungeonfighter.rules.seed_sets import PUBLIC


@tool("core", arguments.StartNewGame, turns=1)
async def start_new_game(seat: Seat, args: arguments.StartNewGame) -> ToolAnswer:
    answer = await seat.host.start(seat.key, new_game(args), episode=args.episode, delivery=seat.delivery)
    return shown(answer.game, args.view, repeated=answer.repeated)


@playing("core", arguments.HandleInput)
def handle_input(args: arguments.HandleInput) -> Ask:
    return Ask(args.input, args.turn, args.episode, args.view)


@tool("core", arguments.GetGameState, reads=True)
async def get_game_state(seat: Seat, args: arguments.GetGameState) -> ToolAnswer:
    return shown(await seat.host.read(seat.key), args.view)


@tool("core", arguments.SaveGame)
async def save_game(seat: Seat, args: arguments.SaveGame) -> ToolAnswer:
    slot = args.slot or arguments.DEFAULT_SLOT
    game = await seat.host.save(seat.key, slot)
    return in_both_forms(f"saved {slot}: {views.head(game)}", {"slot": slot} | views.place(game))


@tool("core", arguments.LoadGame, turns=1)
async def load_game(seat: Seat, args: arguments.LoadGame) -> ToolAnswer:
    slot = args.slot or arguments.DEFAULT_SLOT
    answer = await seat.host.load(seat.key, slot, episode=args.episode, delivery=seat.delivery)
    return shown(answer.game, "text", repeated=answer.repeated)


@tool("play", arguments.ResetGame, turns=1)
async def reset_game(seat: Seat, args: arguments.ResetGame) -> ToolAnswer:
    answer = await seat.host.reset(seat.key, episode=args.episode, delivery=seat.delivery)
    return shown(answer.game, "text", repeated=answer.repeated)


@playing("play", arguments.SelectDungeon)
def select_dungeon(args: arguments.SelectDungeon) -> Ask:
    return _input(f"dungeon {args.dungeon_index}", args)


@playing("play", arguments.EquipItem)
def equip_item(args: arguments.EquipItem) -> Ask:
    return _input(f"equip {args.item}", args)


@playing("play", arguments.UnequipItem)
def unequip_item(args: arguments.UnequipItem) -> Ask:
    return _input(f"unequip {args.slot}", args)


@playing("play", arguments.SetComboStrip)
def set_combo_strip(args: arguments.SetComboStrip) -> Ask:
    return _input("strip " + ",".join(map(str, args.actions)), args)


@tool("play", arguments.SetAgentDirective)
async def set_agent_directive(seat: Seat, args: arguments.SetAgentDirective) -> ToolAnswer:
    game = await seat.host.set_directive(seat.key, args.directive)
    done = "set" if game.directive else "cleared"
    return in_both_forms(f"directive {done}: {views.head(game)}", views.place(game))


@tool("play", arguments.DeleteSave)
async def delete_save(seat: Seat, args: arguments.DeleteSave) -> ToolAnswer:
    await seat.host.delete_save(seat.key, args.slot)
    return in_both_forms(f"deleted {args.slot}", {"slot": args.slot})


def new_game(args: arguments.StartOptions) -> NewGame:
    """Return the options of a new run for the host.

    Raises:
        BadInput: bad_argument.
    """
    name = args.name
    if name is not None and (fault := hero_names.fault_in(name)):
        raise bad_argument(f"argument `name` must have {hero_names.RULE}; {fault}")
    return NewGame(
        name=name,
        weapon=None if args.weapon is None else int(Weapon[args.weapon]),
        seed=_seed(args),
        mode=None if args.mode is None else int(Mode[args.mode]),
        ascension=args.ascension,
    )


def _seed(args: arguments.StartOptions) -> int | None:
    """Return the seed of a run; None: the host draws it.

    Some clients must send every argument: `seed` 0 is the same as none for a private seed.
    """
    if args.seed_set == "private":
        if args.seed:
            raise bad_argument(
                "the server draws private seeds; leave `seed` out or send 0, or name another `seedSet`"
            )
        return None
    if args.seed_set != "public":
        return args.seed
    if args.seed is None or not 1 <= args.seed <= len(PUBLIC):
        raise bad_argument(f"of the public set `seed` must be a number from 1 to {len(PUBLIC)}")
    return PUBLIC[args.seed - 1]


Shorthand = arguments.SelectDungeon | arguments.EquipItem | arguments.UnequipItem | arguments.SetComboStrip


def _input(text: str, args: Shorthand) -> Ask:
    """Return the canonical input that a tool stands for."""
    if len(text) > limits.input_chars_max:
        raise bad_argument(
            f"the input '{arguments.clip(text)}' would have more than {limits.input_chars_max} characters"
        )
    return Ask(text, args.turn, args.episode)
