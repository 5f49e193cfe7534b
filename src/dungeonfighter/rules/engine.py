"""The rules as one immutable object around a catalogue: state in, state out.

`apply` is pure. Same seed and same inputs give the same bytes on every machine. There is no clock, no I/O and
no chance here but the dice in the state.

Source: game.md sections 1 and 10.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, IllegalInput, RunOver
from dungeonfighter.rules import codec, dice, plays, tables
from dungeonfighter.rules import score as scoring
from dungeonfighter.rules.catalog.loader import Catalogue, load_catalogue
from dungeonfighter.rules.character import progress
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.inputs import canonical
from dungeonfighter.rules.journey import dungeon, hub
from dungeonfighter.rules.menus import ALWAYS, Menus, Play
from dungeonfighter.rules.state import Ending, Hero, Mode, Phase, State, Weapon, World
from dungeonfighter.rules.tables import START_GOLD, START_GOODS
from dungeonfighter.rules.views import snapshot
from dungeonfighter.rules.views.labels import Outline
from dungeonfighter.rules.views.observation import Choice, Observation

VERSION = 1
_TERMINATED = (int(Ending.died), int(Ending.won))
_TURNS = int(Ending.turns)
_LOG_MAX = limits.log_events_max
_XP_NEXT = tables.XP_NEXT
_NO_LEVELS = frozenset((Phase.Combat, Phase.LevelUp, Phase.Death, Phase.WeaponSelection))


class GameOptions(Struct, frozen=True):
    """How a run begins. `weapon` -1: not chosen yet, the run begins with that choice."""

    seed: int
    mode: int = int(Mode.casual)
    name: str = "Hero"
    weapon: int = -1
    ranked: bool = False


class Step(Struct, gc=False):
    """What one input led to. `reward` is the score gained, in hundredths of a point.

    `terminated`: the run has ended by its own rules; `truncated`: by the limit of turns.
    """

    state: State
    events: list[list[int]]
    reward: int
    terminated: bool
    truncated: bool


class Rules:
    """The game of one catalogue; holds no run.

    Attributes:
        identity: Version and catalogue: runs are played to their end under the identity they began with.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.identity = f"{VERSION}-{catalogue.identity}"
        self._menus = Menus(catalogue)

    def new_game(self, options: GameOptions) -> State:
        """A run at turn 0.

        Raises:
            BadInput: bad_argument; seed, mode, weapon or name out of range.
        """
        _check(options)
        cat = self.catalogue
        goods = [0] * len(cat.consumables)
        for text, count in START_GOODS.items():
            goods[cat.consumable_at[text]] = count
        hero = Hero(name=options.name, gold=START_GOLD, consumables=goods)
        state = State(
            seed=options.seed,
            mode=options.mode,
            ranked=options.ranked,
            phase=int(Phase.WeaponSelection),
            turn=0,
            dice=dice.streams(options.seed),
            hero=hero,
            world=World(),
        )
        state.log.append([Event.RunBegan])
        if options.weapon >= 0:
            hub.choose_weapon(cat, state, options.weapon)
        state.phase = int(state.phase)
        return state

    def legal_inputs(self, state: State) -> tuple[Choice, ...]:
        """All inputs that can be sent now, in the order shown; patterns stand for inputs that take a list."""
        return self._menus.of(state).choices

    def outline(self, state: State) -> Outline:
        """The line of inputs as far as the menu decides it, for the text view."""
        return self._menus.of(state).line

    def apply(self, state: State, text: str) -> Step:
        """The state after one input; the state given stays as it is.

        Raises:
            BadInput: bad_argument, illegal_input (the message lists what is legal) or run_over.
        """
        return self.advance(codec.copy(state), text)

    def advance(self, state: State, text: str) -> Step:
        """Like `apply`, but the state given becomes the new one. After an error it is unchanged.

        Raises:
            BadInput: bad_argument, illegal_input (the message lists what is legal) or run_over.
        """
        if state.over:
            raise RunOver("the run is over", hint="start a new game")
        cat = self.catalogue
        world = state.world
        xp, clears, bosses, frontier = world.xp_since_clear, world.first_clears, world.bosses, world.frontier
        log = state.log
        told = len(log)
        play = ALWAYS[state.phase].get(text) or self._play(state, text)
        if play is not None:
            play[0](cat, state, play[1])
        state.turn += 1
        if state.hero.xp >= _XP_NEXT[state.hero.level] or state.ranked:
            _follow_up(cat, state)
        events = log[told:]
        over = len(log) - _LOG_MAX
        if over > 0:
            del log[:over]
            told = told - over if told > over else 0
        state.told = told
        reward = 0
        if world.xp_since_clear != xp or world.first_clears != clears or world.bosses != bosses:
            reward = scoring.gained(world, xp, clears, bosses, frontier)
        ending = state.ending
        if ending:
            return Step(state, events, reward, ending in _TERMINATED, ending == _TURNS)
        return Step(state, events, reward, False, False)

    def _play(self, state: State, text: str) -> tuple[Play, int] | None:
        """What an input calls that is not always legal here; None: it was a verb, and is played.

        Raises:
            BadInput: bad_argument or illegal_input; nothing is changed.
        """
        menu = self._menus.of(state)
        play = menu.table.get(text)
        if play is None:  # most inputs come in their canonical spelling
            text = canonical(text)
            play = menu.table.get(text)
            if play is None and not plays.verb(self.catalogue, state, text):
                legal = ", ".join(choice.input for choice in menu.choices)
                raise IllegalInput(f"'{text}' is not legal now; legal: {legal}")
        return play

    def observe(self, state: State) -> Observation:
        """The full snapshot: everything the hero knows and nothing it cannot know."""
        return snapshot.observe(self, state)

    def text(self, state: State, head: str) -> str:
        """The compact text view; `head` opens its status line."""
        return snapshot.text(self, state, head)

    def encode(self, state: State) -> bytes:
        return codec.encode(state)

    def open_state(self, raw: bytes) -> State:
        """The state of bytes that these rules made or have decoded before; `codec.open_state`."""
        return codec.open_state(raw)

    def decode(self, raw: bytes) -> State:
        """The state of these bytes, whoever made them.

        Raises:
            Corrupt: They are not the bytes of a state.
        """
        return codec.decode(raw)

    def read(self, state: State) -> None:
        """Read what was left as bytes when the state was opened."""
        codec.read(state)

    def digest(self, raw: bytes) -> bytes:
        return codec.digest(raw)

    def score(self, state: State) -> int:
        """Hundredths of a point, 0 to 10,000."""
        return scoring.score(state)

    def reseed(self, state: State, seed: int) -> None:
        """Give a fork dice of its own; what was not drawn yet comes from them."""
        state.dice = dice.streams(seed)


def load_rules(directory: Path | None = None) -> Rules:
    """The rules over the packaged content, with the files of `directory` in place of those of the same name.

    Raises:
        SettingsError: All problems of the content.
    """
    return Rules(load_catalogue(directory))


def _follow_up(cat: Catalogue, state: State) -> None:
    """What may follow from any input of a live run: a level, or the end of a ranked run's turns."""
    if state.over:
        return
    hero = state.hero
    if hero.xp >= _XP_NEXT[hero.level] and state.phase not in _NO_LEVELS:
        progress.level_up(cat, state)
    if state.ranked and state.turn + state.world.spent >= limits.ranked_turns_max:
        dungeon.end(state, Ending.turns)


def _check(options: GameOptions) -> None:
    if not 0 <= options.seed <= limits.seed_max:
        raise BadInput(f"seed must be 0 to {limits.seed_max}")
    if options.mode not in Mode.__members__.values():
        raise BadInput(f"mode must be one of {', '.join(Mode.__members__)}")
    if options.weapon != -1 and options.weapon not in Weapon.__members__.values():
        raise BadInput(f"weapon must be one of {', '.join(Weapon.__members__)}")
    name = options.name
    if not name.strip() or len(name) > limits.hero_name_chars_max or not name.isprintable():
        raise BadInput(f"name must have 1 to {limits.hero_name_chars_max} printable characters")
