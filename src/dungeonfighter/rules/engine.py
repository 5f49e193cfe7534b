"""The rules as one immutable object around a catalogue: state in, state out.

`apply` is pure. The same seed and the same inputs give the same bytes on every machine. The rules use no
clock and no I/O, and the dice in the state are their only source of chance.

Source: docs/rules.md; docs/architecture.md, "Rules identity".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, IllegalInput, RunOver
from dungeonfighter.rules import codec, dice, modes, plays, tables, verbs
from dungeonfighter.rules import score as scoring
from dungeonfighter.rules.catalog.loader import Catalogue, load_catalogue
from dungeonfighter.rules.character import progress
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.inputs import canonical
from dungeonfighter.rules.journey import dungeon, hub
from dungeonfighter.rules.menus import ALWAYS, EQUIP, Menus, Play
from dungeonfighter.rules.state import Ending, Hero, Mode, Phase, State, Weapon, World
from dungeonfighter.rules.tables import START_GOLD, START_GOODS
from dungeonfighter.rules.views import snapshot, text_view
from dungeonfighter.rules.views.labels import Outline
from dungeonfighter.rules.views.observation import Choice, Observation

VERSION = 2
_TERMINATED = (int(Ending.died), int(Ending.won))
_TURNS = int(Ending.turns)
_SHORT = int(Mode.short)
_LOG_MAX = limits.log_events_max
_XP_NEXT = tables.XP_NEXT
_NO_LEVELS = frozenset((Phase.Combat, Phase.LevelUp, Phase.Death, Phase.WeaponSelection))


class GameOptions(Struct, frozen=True):
    """The options of a new run. With `weapon` -1 the run begins with the choice of a weapon.

    A ranked run may have a `nonce` of `limits.nonce_bytes` bytes; see `dice.streams`. `ascension` makes the
    run harder; see `catalog.ascents`.

    The rules check only the length of the name, in code points: a table of characters differs between
    versions of Python, and a stored name must stay good for ever.
    """

    seed: int
    mode: int = int(Mode.casual)
    name: str = "Hero"
    weapon: int = -1
    ranked: bool = False
    nonce: bytes = b""
    ascension: int = 0


class Step(Struct, gc=False):
    """The result of one input. `reward` is the gain of score in hundredths of a point.

    `terminated`: the run has ended by a death or a victory; `truncated`: by the limit of turns.
    """

    state: State
    events: list[list[int]]
    reward: int
    terminated: bool
    truncated: bool


def _refusal(text: str, wrong: str) -> str:
    """Return the refusal; a reason that begins with "it" is a sentence about the input."""
    if wrong.startswith("it "):
        return f"'{text}'{wrong[2:]}"
    return f"'{text}' is not legal now: {wrong}"


def _listed(choices: Sequence[Choice]) -> str:
    """Return the end of a refusal: the patterns of which the list has one example each, and the list."""
    patterns = ", ".join(choice.pattern for choice in choices if choice.pattern)
    legal = ", ".join(choice.input for choice in choices)
    return f"{f'; patterns: {patterns}' if patterns else ''}; legal: {legal}"


class Rules:
    """The game of one catalogue. It holds no run.

    Attributes:
        identity: Version and catalogue. A run is played to its end under the identity it began with.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.identity = f"{VERSION}-{catalogue.identity}"
        self._menus = Menus(catalogue)

    def new_game(self, options: GameOptions) -> State:
        """Return a new run at turn 0.

        Raises:
            BadInput: bad_argument: seed, mode, weapon, name or ascension is out of range.
        """
        cat = self.catalogue
        _check(cat, options)
        ascent = cat.ascents[options.ascension]
        goods = [0] * len(cat.consumables)
        for text, count in START_GOODS.items():
            goods[cat.consumable_at[text]] = max(0, count - ascent.goods)
        hero = Hero(name=options.name, gold=START_GOLD, consumables=goods)
        state = State(
            seed=options.seed,
            mode=options.mode,
            ranked=options.ranked,
            phase=int(Phase.WeaponSelection),
            turn=0,
            dice=dice.streams(options.seed, options.nonce),
            hero=hero,
            world=World(cleared_at=-ascent.allowance),
            nonce=options.nonce,
            ascension=options.ascension,
        )
        state.log.append([Event.RunBegan])
        if options.weapon >= 0:
            hub.choose_weapon(cat, state, options.weapon)
        state.phase = int(state.phase)
        return state

    def legal_inputs(self, state: State) -> tuple[Choice, ...]:
        """Return the legal inputs in the order shown: each applies as it stands.

        An input with a `pattern` is one example of the inputs that take numbers.
        """
        return self._menus.of(state).choices

    def outline(self, state: State) -> Outline:
        """Return the part of the text view's line of inputs that depends on the menu alone."""
        return self._menus.of(state).outline

    def apply(self, state: State, text: str) -> Step:
        """Return the state after one input; the given state does not change.

        Raises:
            BadInput: bad_argument, illegal_input (the message lists the legal inputs) or run_over.
        """
        return self.advance(codec.copy(state), text)

    def advance(self, state: State, text: str) -> Step:
        """Apply one input to the given state in place. After an error the state is unchanged.

        Raises:
            BadInput: bad_argument, illegal_input (the message lists the legal inputs) or run_over.
        """
        if state.over:
            raise RunOver("the run is over", hint="start a new game")
        cat = self.catalogue
        world = state.world
        xp, clears, bosses, frontier = world.xp_since_clear, world.first_clears, world.bosses, world.frontier
        log = state.log
        turn_start = len(log)
        play = ALWAYS[state.phase].get(text) or self._play(state, text)
        if play is not None:
            play[0](cat, state, play[1])
        state.turn += 1
        if state.hero.xp >= _XP_NEXT[state.hero.level] or state.ranked or state.mode == _SHORT:
            _follow_up(cat, state)
        events = log[turn_start:]
        over = len(log) - _LOG_MAX
        if over > 0:
            del log[:over]
            turn_start = turn_start - over if turn_start > over else 0
        state.turn_start = turn_start
        reward = 0
        if world.xp_since_clear != xp or world.first_clears != clears or world.bosses != bosses:
            reward = scoring.gained(world, xp, clears, bosses, frontier)
        ending = state.ending
        if ending:
            return Step(state, events, reward, ending in _TERMINATED, ending == _TURNS)
        return Step(state, events, reward, False, False)

    def _play(self, state: State, text: str) -> tuple[Play, int] | None:
        """Return the call of an input that `ALWAYS` does not have, or play the input if it is a verb.

        Returns:
            The function and its argument; None after a verb, which this method has already played.

        Raises:
            BadInput: bad_argument or illegal_input; the state is unchanged.
        """
        number = EQUIP.get(text, 0)
        if 0 < number <= len(state.hero.bag) and verbs.at_leisure(state):
            return plays.equip, number
        menu = self._menus.of(state)
        play = menu.table.get(text)
        if play is None:  # most inputs have their canonical spelling already
            text = canonical(text)
            play = menu.table.get(text)
            if play is None and (wrong := verbs.play(self.catalogue, state, text)) != verbs.DONE:
                raise IllegalInput(f"{_refusal(text, wrong)}{_listed(menu.choices)}")
        return play

    def observe(self, state: State, *, briefly: bool = False) -> Observation:
        """Return the full snapshot: everything the hero knows and nothing it cannot know.

        `briefly` leaves out what no policy of this package reads; see `snapshot.observe`.
        """
        return snapshot.observe(self, state, briefly=briefly)

    def text(self, state: State, head: str) -> str:
        """Return the compact text view; `head` opens its status line."""
        return text_view.text(self, state, head)

    def encode(self, state: State) -> bytes:
        return codec.encode(state)

    def open_state(self, raw: bytes) -> State:
        """Return the state of bytes that these rules encoded, or decoded before; see `codec.open_state`."""
        return codec.open_state(raw)

    def decode(self, raw: bytes) -> State:
        """Return the state of bytes from any source.

        Raises:
            Corrupt: The bytes are not those of a state.
        """
        return codec.decode(raw)

    def read(self, state: State) -> None:
        """Decode the parts that `open_state` left as bytes."""
        codec.read(state)

    def digest(self, raw: bytes) -> bytes:
        return codec.digest(raw)

    def score(self, state: State) -> int:
        """Return the score in hundredths of a point, 0 to 10,000."""
        return scoring.score(state)

    def reseed(self, state: State, seed: int) -> None:
        """Replace the dice of a state; all later draws come from the new ones."""
        state.dice = dice.streams(seed)

    def branch(self, state: State, seed: int) -> None:
        """Make a state the first one of another run, which has the dice of `seed` and is not ranked.

        The state holds no fact that the bot cannot know, so nothing of the former dice is left in it.
        """
        state.seed, state.nonce, state.ranked = seed, b"", False
        self.reseed(state, seed)


def load_rules(directory: Path | None = None) -> Rules:
    """Load the rules with the packaged content; a file of `directory` replaces the one of the same name.

    Raises:
        SettingsError: The content has problems; the error lists all of them.
    """
    return Rules(load_catalogue(directory))


def _follow_up(cat: Catalogue, state: State) -> None:
    """Raise the hero's level if the experience suffices, and end a run at its limit of turns."""
    if state.over:
        return
    hero = state.hero
    if hero.xp >= _XP_NEXT[hero.level] and state.phase not in _NO_LEVELS:
        progress.level_up(cat, state)
    if modes.is_limited(state) and state.turn + state.world.spent >= modes.turns_max(state.mode):
        dungeon.end(state, Ending.turns)


def _check(cat: Catalogue, options: GameOptions) -> None:
    if not 0 <= options.seed <= limits.seed_max:
        raise BadInput(f"seed must be 0 to {limits.seed_max}")
    if options.mode not in Mode.__members__.values():
        raise BadInput(f"mode must be one of {', '.join(Mode.__members__)}")
    if not 0 <= options.ascension < len(cat.ascents):
        raise BadInput(f"ascension must be 0 to {len(cat.ascents) - 1}")
    if options.ascension and options.mode == Mode.daily:
        raise BadInput("a daily run has no ascension, because all bots play one game; leave ascension out")
    if options.weapon != -1 and options.weapon not in Weapon.__members__.values():
        raise BadInput(f"weapon must be one of {', '.join(Weapon.__members__)}")
    if options.nonce and (len(options.nonce) != limits.nonce_bytes or not options.ranked):
        raise BadInput(f"a ranked run may have a nonce of {limits.nonce_bytes} bytes, another run none")
    if not 1 <= len(options.name) <= limits.hero_name_chars_max:
        raise BadInput(f"name must have 1 to {limits.hero_name_chars_max} characters")
