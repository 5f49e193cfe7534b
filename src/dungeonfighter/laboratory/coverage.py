"""Coverage: how often each thing of the content occurs in the runs of all players together.

A thing is a row of the content in one of its uses: an enemy at a rank, an option of an event that is won, a
consumable that is used. `things` lists all that can occur, so what never occurs has the count 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.bots.registry import policies as policy_names
from dungeonfighter.bots.runner import choose
from dungeonfighter.laboratory.curious import CURIOUS
from dungeonfighter.laboratory.exploits import EXPLOITS
from dungeonfighter.laboratory.players import Player, answers
from dungeonfighter.rules import RANKED, GameOptions, Mode, Rules, State
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import HABITS, PHASES
from dungeonfighter.rules.character.loot import RARITIES
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting.common import ENEMY
from dungeonfighter.rules.fighting.statuses import CLEAN
from dungeonfighter.rules.state import Dungeon, Fight, Intent, Item, Rank, RoomKind, RoomPhase, Status, Weapon

SIDES: Final = ("hero", "enemy")
_EVENTS: Final = {number: name for name, number in vars(Event).items() if not name.startswith("_")}
_RANKS: Final = {
    Rank.normal.name: (Rank.normal, Rank.elite, Rank.guardian), Rank.elite.name: (Rank.elite,),
    Rank.boss.name: (Rank.boss,),
}  # fmt: skip
"""The ranks at which an enemy can be met, by the rank of its row."""
_NOT_EXPECTED: Final = (Event.Traded, Event.FightStalled)
"""The events that no turn adds any more, and the end of a fight of 400 acts, which is only a safety net."""
_RATION: Final = 7
CASUAL: Final = ((CURIOUS, 8), (CURIOUS, 2), ("heuristic", 8), (CURIOUS, 2))
"""The player of the casual run of a seed, and the times the inputs of a ranked run that it may have, by the
seed's remainder.

With eight times as many, clones take the curious player to the last region, and the heuristic past the last
boss.
"""
_ITEM_EVENTS: Final = frozenset((
    Event.WeaponChosen, Event.ItemFound, Event.ItemBought, Event.TradedUp, Event.Equipped,
))  # fmt: skip

_EATING: Final = frozenset((Event.Rested, Event.Prepared))

Thing = tuple[str, str]
"""A kind and a name, for example `("enemy", "grey_wolf elite")`."""


def things(cat: Catalogue) -> Iterator[Thing]:
    """Yield all that can occur, kind by kind."""
    for enemy in cat.enemies:
        yield from (("enemy", f"{enemy.id} {rank.name}") for rank in _RANKS[enemy.rank])
    yield from (("habit", name) for name in HABITS)
    yield from (("intent", intent.name) for intent in Intent)
    yield from (("boss change", name) for name in PHASES)
    yield from (("status", f"{status.name} on {side}") for status in Status for side in SIDES)
    yield from (("hazard", row.id) for row in cat.hazard_rows)
    yield from (("place", row.id) for row in cat.place_rows)
    yield from (("dungeon", name) for name in cat.names["dungeon"] if name)
    yield from (("event", row.id) for row in cat.events)
    for event in cat.events:
        for option in event.options:
            for outcome in (" won", " lost") if option.roll else ("",):
                yield "option", f"{event.id}: {option.text}{outcome}"
    for row in cat.items:
        yield "item", row.id
        if row.power:
            yield "unique worn", row.id
    yield from (("rarity", name.lower()) for name in RARITIES)
    yield from (("affix", row.id) for row in cat.affixes)
    yield from (("action", row.id) for row in cat.actions)
    yield from (("consumable", f"{row.id} {what}") for row in cat.consumables for what in ("found", "used"))
    yield from (("talent", row.id) for row in cat.talents)
    plain_boss = any(row.rank == "boss" and not row.phase for row in cat.enemies)
    without = _NOT_EXPECTED if plain_boss else (*_NOT_EXPECTED, Event.PhaseChanged)
    yield from (("turn event", name) for number, name in _EVENTS.items() if number not in without)


class ThingsJob(Struct, frozen=True):
    """A job that returns the things of the rules that its process has."""

    def perform(self, rules: Rules) -> list[Thing]:
        return list(things(rules.catalogue))


class Covered(Struct, frozen=True):
    """The counts of the runs of one seed: the players, and a count for each of `things`, in its order.

    `others` has what occurred and is not among the things; anything in it is an error of `things`.
    """

    seed: int
    players: tuple[str, ...]
    inputs: int
    counts: tuple[int, ...]
    others: dict[str, int] = {}


class CoverJob(Struct, frozen=True):
    """The runs of one seed to play: each of the players plays it once, ranked, and the last one casually.

    A casual run goes on after a death, so it comes to the last region, which a ranked run seldom reaches.
    """

    seed: int
    players: tuple[Player, ...]
    inputs_max: int = limits.ranked_turns_max

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the players of all its runs."""
        return (*(player.name for player in self.players), f"{self._casual[0]} casual")

    @property
    def _casual(self) -> tuple[str, int]:
        return CASUAL[self.seed % len(CASUAL)]

    def perform(self, rules: Rules) -> Covered:
        counts: Counter[Thing] = Counter()
        inputs = sum(Watcher(rules, self.seed, counts).play(each, self.inputs_max) for each in self.players)
        casual = Watcher(rules, self.seed, counts)
        policy, more = self._casual
        inputs += casual.play(Player(policy), self.inputs_max * more, Mode.casual)
        listed = list(things(rules.catalogue))
        rare = {("turn event", _EVENTS[code]) for code in _NOT_EXPECTED}
        others = {" ".join(thing): counts[thing] for thing in counts.keys() - set(listed) - rare}
        return Covered(self.seed, self.names, inputs, tuple(counts[thing] for thing in listed), others)


@cache
def _rotating() -> tuple[Player, ...]:
    """Return players of which each seed has a few: the exploits, and those that always give one answer."""
    always = [
        Player("heuristic", (), ((subject, answer),))
        for subject in ("door", "talent", "item", "stance")
        for answer in answers()[subject]
    ]
    return (*(Player(name) for name in EXPLOITS), *always)


def players_of(seed: int) -> tuple[Player, ...]:
    """Return the players of the nine ranked runs of a seed: all policies, and three that vary."""
    rotating, weapon = _rotating(), Weapon(seed % len(Weapon)).name
    varied = (rotating[(3 * seed + place) % len(rotating)] for place in range(3))
    policies = (Player(name) for name in (*policy_names, CURIOUS) if name != "heuristic")
    return (*policies, Player("heuristic", (), (("weapon", weapon),)), *varied)


class Watcher:
    """Plays a run and counts what occurs in it."""

    def __init__(self, rules: Rules, seed: int, counts: Counter[Thing]) -> None:
        self._rules = rules
        self._seed = seed
        self._cat = rules.catalogue
        self._counts = counts
        self._seen: set[bytes] = set()
        self._goods: Sequence[int] = []
        self._enemy = -1
        self._offer = -1

    def play(self, player: Player, inputs_max: int, mode: Mode = Mode.ironman) -> int:
        """Play the seed once; return the number of inputs."""
        rules, policy, inputs = self._rules, player.make(self._seed), 0
        state = rules.new_game(GameOptions(seed=self._seed, mode=int(mode), ranked=mode in RANKED))
        self.watch(state, state.log)
        while not state.over and inputs < inputs_max:
            step = rules.advance(state, choose(rules, policy, state))
            state = step.state
            self.watch(state, step.events)
            inputs += 1
        return inputs

    def watch(self, state: State, events: Sequence[Sequence[int]]) -> None:
        """Count what occurred in one turn, which led to this state."""
        counts = self._counts
        has_items = False
        for event in events:
            code = event[0]
            counts["turn event", _EVENTS[code]] += 1
            has_items |= code in _ITEM_EVENTS
            count = _COUNTING.get(code)
            if count is not None:
                for thing in count(self, event):
                    counts[thing] += 1
        if has_items:
            self._items(state)
        if state.hero.consumables != self._goods:
            self._consumables(state.hero.consumables, {event[0] for event in events})
        if state.fight is not None:
            self._fight(state.fight)
        self._offered(state.dungeon)

    def _items(self, state: State) -> None:
        """Count the items that the hero has and did not have before."""
        for item in (*state.hero.bag, *state.hero.worn):
            if item is not None and (whole := msgspec.msgpack.encode(item)) not in self._seen:
                self._seen.add(whole)
                self._counts.update(self._of_item(item))
        for item in state.hero.worn:
            if item is not None and (row := self._cat.items[item.base]).power:
                self._counts["unique worn", row.id] += 1

    def _of_item(self, item: Item) -> Iterator[Thing]:
        yield "item", self._cat.items[item.base].id
        yield "rarity", RARITIES[item.rarity].lower()
        yield from (("affix", self._cat.affixes[number].id) for number in item.affixes)

    def _consumables(self, goods: Sequence[int], codes: set[int]) -> None:
        eaten = bool(codes & _EATING) and Event.Stolen not in codes
        before, self._goods = self._goods or goods, goods
        for row, had, has in zip(self._cat.consumables, before, goods, strict=True):
            if has > had:
                self._counts["consumable", f"{row.id} found"] += has - had
            elif has < had and row.input == _RATION and eaten:
                self._counts["consumable", f"{row.id} used"] += 1

    def _fight(self, fight: Fight) -> None:
        self._counts["intent", Intent(fight.intent).name] += 1
        for side, fighter in zip(SIDES, (fight.hero, fight.enemy), strict=True):
            if fighter.statuses != CLEAN:
                for status in Status:
                    if fighter.statuses[status]:
                        self._counts["status", f"{status.name} on {side}"] += 1

    def _offered(self, dungeon: Dungeon | None) -> None:
        """Count a shrine or trap that waits for an answer, once."""
        waits = dungeon is not None and dungeon.phase == RoomPhase.offer
        if dungeon is None or not waits or dungeon.kind not in (RoomKind.shrine, RoomKind.trap):
            self._offer = -1
        elif dungeon.room != self._offer:
            self._offer = dungeon.room
            self._counts["event", self._cat.events[dungeon.offer[0]].id] += 1

    def began(self, event: Sequence[int]) -> Iterable[Thing]:
        self._enemy = event[1]
        yield "enemy", f"{self._cat.enemies[self._enemy].id} {Rank(event[2]).name}"

    def acted(self, event: Sequence[int]) -> Iterable[Thing]:
        """Count an action of an enemy, and its habit if it is that."""
        name = Intent(event[1]).name
        yield "intent", name
        habit = self._cat.enemies[self._enemy].habit
        if name == habit:
            yield "habit", name

    def raged(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "habit", "rage"

    def attacked(self, event: Sequence[int]) -> Iterable[Thing]:
        if event[4] >= 0:
            yield "action", self._cat.actions[event[4]].id

    def put(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "status", f"{Status(event[2]).name} on {SIDES[event[1] == ENEMY]}"

    def hazard(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "hazard", self._cat.hazard_rows[event[1]].id

    def changed(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "boss change", PHASES[event[1]]

    def entered(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "dungeon", self._cat.names["dungeon"][event[1]]

    def in_room(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "place", self._cat.place_rows[event[2]].id

    def trap(self, event: Sequence[int]) -> Iterable[Thing]:
        row = self._cat.events[event[1]]
        if not row.options:  # one with options was counted when it was offered
            yield "event", row.id

    def on_road(self, event: Sequence[int]) -> Iterable[Thing]:
        number = event[1] if event[0] == Event.RoadMet else event[2]
        if event[0] == Event.RoadMet or not self._cat.events[number].options:
            yield "event", self._cat.events[number].id

    def option(self, event: Sequence[int]) -> Iterable[Thing]:
        row = self._cat.events[event[1]]
        option = row.options[event[2]]
        outcome = ""
        if event[0] == Event.OptionRolled:
            outcome = " won" if event[3] + event[4] >= option.roll else " lost"
        yield "option", f"{row.id}: {option.text}{outcome}"

    def used(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "consumable", f"{self._cat.consumables[event[1]].id} used"

    def talent(self, event: Sequence[int]) -> Iterable[Thing]:
        yield "talent", self._cat.talents[event[1]].id


_COUNTING: Final[dict[int, Callable[[Watcher, Sequence[int]], Iterable[Thing]]]] = {
    Event.FightBegan: Watcher.began,
    Event.EnemyAttacked: Watcher.acted,
    Event.EnemyMissed: Watcher.acted,
    Event.EnemyPrepared: Watcher.acted,
    Event.EnemyRaged: Watcher.raged,
    Event.HeroAttacked: Watcher.attacked,
    Event.StatusPut: Watcher.put,
    Event.HazardStruck: Watcher.hazard,
    Event.BossChanged: Watcher.changed,
    Event.DungeonEntered: Watcher.entered,
    Event.RoomEntered: Watcher.in_room,
    Event.TrapSprung: Watcher.trap,
    Event.TrapAvoided: Watcher.trap,
    Event.TravelEvent: Watcher.on_road,
    Event.RoadMet: Watcher.on_road,
    Event.OptionTaken: Watcher.option,
    Event.OptionRolled: Watcher.option,
    Event.ItemUsed: Watcher.used,
    Event.TalentTaken: Watcher.talent,
}
"""The methods that count what an event shows beside its code."""
