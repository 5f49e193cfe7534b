"""The state of one run as plain values. The rules read and write it, and the digest identifies it.

Every value is an integer, a short text or a list of those; a catalogue thing is its number in a list of the
catalogue. The structs encode as MessagePack arrays, so a new field goes at the end and has a default. Times
are game milliseconds. No struct here can be part of a cycle, so the garbage collector need not track them
(`gc=False`).

A field of type `Sequence` is a list that the rules replace and never change in place, so a state and its
successors may share it (`codec.copy`); mypy refuses a change. The rules change only the log and the statuses
of a fight in place, and `codec.copy` copies those. They never change an item, door, offer, event or `Figures`
once it is made.

Fields that few turns need stay bytes until the first access (`codec.open_state`): a `packed_` field holds
either the bytes or the decoded list, and the property of that name without `packed_` returns the list. The
events of the log may be such bytes too (`log.py`).

Source: docs/rules.md; docs/decisions/014-a-turn-opens-its-state.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw, Struct, field

if TYPE_CHECKING:
    PackedItems = Raw | Sequence["Item"]
    PackedWorn = Raw | Sequence["Item | None"]
    PackedOffers = Raw | Sequence["Offer"]
    PackedEvent = list[int]
else:
    # msgspec leaves fields of type `Raw` as bytes. The rules may set them to the list later.
    PackedItems = PackedWorn = PackedOffers = PackedEvent = Raw


class Phase(IntEnum):
    """The situation of a run; the names are those of `currentState` in the snapshot."""

    WeaponSelection = 0
    GameLoop = 1
    DungeonSelection = 2
    Dungeon = 3
    Combat = 4
    Inventory = 5
    RegionTravel = 6
    LevelUp = 7
    DungeonCompletion = 8
    Death = 9
    Victory = 10


class Mode(IntEnum):
    casual = 0
    ironman = 1
    daily = 2
    short = 3


class Weapon(IntEnum):
    """Weapon kind = class = the stat that grows: Barbarian/STR, Warrior/AGI, Rogue/TEC, Wizard/INT."""

    mace = 0
    sword = 1
    dagger = 2
    wand = 3


class Slot(IntEnum):
    """The place at which a hero wears an item."""

    weapon = 0
    head = 1
    chest = 2
    legs = 3
    feet = 4


class Status(IntEnum):
    """All statuses, the index of a fighter's status list. Each has an effect (a test proves it)."""

    poison = 0
    burn = 1
    acid = 2
    bleed = 3
    weaken = 4
    stun = 5
    slow = 6
    confusion = 7
    pierce = 8
    fortify = 9
    shield = 10
    roll_penalty = 11
    mark = 12


class Intent(IntEnum):
    """The next action of an enemy, which it shows in advance."""

    light = 0
    normal = 1
    heavy = 2
    status = 3
    defend = 4
    heal = 5
    flee = 6
    feint = 7
    charge = 8
    crush = 9
    ward = 10
    harden = 11
    aim = 12
    drain = 13
    steal = 14
    summon = 15


class Rank(IntEnum):
    normal = 0
    elite = 1
    guardian = 2
    boss = 3


class RoomKind(IntEnum):
    fight = 0
    elite = 1
    treasure = 2
    shrine = 3
    merchant = 4
    rest = 5
    trap = 6


class Stance(IntEnum):
    """The hero's way to act; the numbers are those of the inputs 1 to 4."""

    attack = 1
    precise = 2
    power = 3
    guard = 4


class Band(IntEnum):
    """The outcome of a d20."""

    critical_miss = 0
    miss = 1
    hit = 2
    combo = 3
    critical = 4


class Ending(IntEnum):
    """The end of a run (`State.ending`); `live` while it goes on."""

    live = 0
    died = 1
    won = 2
    turns = 3


class RoomPhase(IntEnum):
    """The part of `Phase.Dungeon`: the choice of a door, the answer to an offer, or a cleared room."""

    doors = 0
    offer = 1
    cleared = 2


class Dice(Struct, array_like=True, gc=False):
    """One splitmix64 counter per named stream, so that drawing loot can never change a fight."""

    combat: int
    layout: int
    loot: int
    event: int


class Item(Struct, array_like=True, gc=False):
    """One weapon or piece of armour.

    `value` is the rolled base: damage of a weapon, armour of a piece. `affixes` and `actions` are catalogue
    numbers.
    """

    base: int
    level: int
    rarity: int
    value: int
    affixes: Sequence[int] = field(default_factory=list)
    actions: Sequence[int] = field(default_factory=list)


class Figures(Struct, array_like=True, gc=False):
    """The figures that follow from level, stats, gear, talents and scars.

    `deals`, `takes` and `rolls` hold the bonuses of gear that count under a condition, as pairs of a
    condition (`bonuses.When`) and an amount; `relics` has one bit for each power of a worn unique item
    (`bonuses.Relic`).

    `hero.refresh` computes them whenever one of these changes. The state holds them because a turn reads most
    of them and changes none. `period` is the time of a plain attack in game milliseconds. `amp` and `gold`
    are permille; `drops` is the permille by which items drop more often. `hit`, `combo` and `crit` lower the
    thresholds. `known` has action numbers, `perks` one amount per `talents.Perk`.
    """

    health_max: int = 290
    armour: int = 0
    damage: int = 6
    period: int = 8000
    amp: int = 1000
    hit: int = 0
    combo: int = 0
    crit: int = 0
    luck: int = 0
    gold: int = 1000
    slots: int = 1
    lengthen: int = 0
    agility: int = 3
    routing: bool = False
    drops: int = 0
    known: Sequence[int] = field(default_factory=list)
    perks: Sequence[int] = field(default_factory=list)
    deals: Sequence[int] = field(default_factory=list)
    takes: Sequence[int] = field(default_factory=list)
    rolls: Sequence[int] = field(default_factory=list)
    relics: int = 0


class Hero(Struct, array_like=True, gc=False):
    """The player's character. `stats` and `class_points` are in the order of `Weapon` (STR, AGI, TEC, INT).

    `strip` holds action numbers in playing order, `consumables` one count per consumable of the catalogue.
    `worn` holds one item, or None, per `Slot`.
    """

    name: str
    kind: int = -1
    level: int = 1
    xp: int = 0
    health: int = 290
    stats: Sequence[int] = field(default_factory=lambda: [3, 3, 3, 3])
    class_points: Sequence[int] = field(default_factory=lambda: [0, 0, 0, 0])
    talents: Sequence[int] = field(default_factory=list)
    strip: Sequence[int] = field(default_factory=list)
    packed_worn: PackedWorn = field(default_factory=lambda: [None, None, None, None, None])
    packed_bag: PackedItems = field(default_factory=list)
    consumables: Sequence[int] = field(default_factory=list)
    gold: int = 0
    scars: int = 0
    clones: int = 0
    figures: Figures = field(default_factory=Figures)

    @property
    def worn(self) -> Sequence[Item | None]:
        worn = self.packed_worn
        if type(worn) is Raw:
            worn = self.packed_worn = _read_worn(worn)
        return worn

    @worn.setter
    def worn(self, worn: Sequence[Item | None]) -> None:
        self.packed_worn = worn

    @property
    def bag(self) -> Sequence[Item]:
        bag = self.packed_bag
        if type(bag) is Raw:
            bag = self.packed_bag = _read_items(bag)
        return bag

    @bag.setter
    def bag(self, bag: Sequence[Item]) -> None:
        self.packed_bag = bag


class Fighter(Struct, array_like=True, gc=False):
    """The values of one side that a fight changes: the time of its next action, and its statuses.

    `statuses` holds the strength of each `Status`, or the turns that are left of it.
    """

    next_at: int = 0
    statuses: list[int] = field(default_factory=lambda: [0] * 13)


class Fight(Struct, array_like=True, gc=False):
    """The fight of one hero against one enemy on one time line; the room is the third actor.

    `enemy_kind` is the enemy's catalogue number; `damage`, `period` and `armour` are its figures in this
    fight. Acid lowers `armour`, or `hero_armour` on the other side. `hit`, `combo`, `crit` are the room's
    bonuses, for both sides. `intent_status` is the status of the shown intent (-1: none). `quiet` counts the
    hero's turns since the room last acted, `hazards` the acts of the room, `actions` those of both fighters.
    `pattern_at` is the place in the enemy's pattern; with `low` that is a boss's pattern under half health.
    `opening`: a precise hit has made an opening for the next power attack. `last` is 1 if the hero's last
    action was a guard, 2 if it missed. `spared`: a unique item has kept the hero alive. Talents
    need four more: `opened` (the hero has attacked), `winded` (the second wind is used), `kept` (the spared
    resets of the strip) and `run` (combos in a row).
    """

    enemy_kind: int
    rank: int
    level: int
    health: int
    health_max: int
    intent: int
    hero: Fighter
    enemy: Fighter
    intent_status: int = -1
    pattern_at: int = 0
    heals: int = 0
    step: int = 0
    luck: int = 0
    guarding: bool = False
    exposed: bool = False
    quiet: int = 0
    hazards: int = 0
    actions: int = 0
    damage: int = 0
    period: int = 7600
    armour: int = 0
    hero_armour: int = 0
    hit: int = 0
    combo: int = 0
    crit: int = 0
    theme: int = 0
    opened: bool = False
    winded: bool = False
    kept: int = 0
    run: int = 0
    low: bool = False
    opening: bool = False
    last: int = 0
    spared: bool = False


class Door(Struct, array_like=True, gc=False):
    """A door to the next room. The rules draw only the facts that the door shows.

    A dark door (`hint` 0) has `kind` -1 until the hero takes it. With `hint` 1 the room's kind and its place
    (`theme_room`, a catalogue number) are known, with `hint` 2 its `enemy` too.
    """

    kind: int
    hint: int
    theme_room: int
    enemy: int = -1


class Dungeon(Struct, array_like=True, gc=False):
    """The dungeon that the hero is in. Its rooms count from 1, and the choice of a door makes the next one.

    `room` is 0 before the first room. `kind` and `place` are those of the present room. `offer` holds the
    event numbers of a shrine or the consumable numbers of a merchant, `stock` the merchant's items, or
    those of a treasure or an elite. `roster` has the enemies of this dungeon, `ahead` the doors after the
    next room. `rested` and `searched` are about the present room, `kills` is the number of enemies killed
    here. `informed`: the next doors show everything. `omen` is the shield of the hero at the start of the
    next fight (negative: weaken).
    """

    theme: int
    level: int
    rooms: int
    name: int
    room: int = 0
    phase: int = 0
    kind: int = 0
    place: int = 0
    boss: bool = False
    doors: Sequence[Door] = field(default_factory=list)
    offer: Sequence[int] = field(default_factory=list)
    stock: Sequence[Item] = field(default_factory=list)
    rested: bool = False
    searched: bool = False
    kills: int = 0
    informed: bool = False
    omen: int = 0
    roster: Sequence[int] = field(default_factory=list)
    ahead: Sequence[Door] = field(default_factory=list)


class Offer(Struct, array_like=True, gc=False):
    """One dungeon that the hub offers.

    `name` is a place in its theme's list, `enemies` the numbers of the enemies in it.
    """

    level: int
    theme: int
    name: int
    boss: bool = False
    enemies: Sequence[int] = field(default_factory=list)


class World(Struct, array_like=True, gc=False):
    """The progress of a run: cleared levels, beaten bosses, and the offers and wares of the hub.

    Every level below `frontier` is cleared, and of those above it the ones in `cleared` (`world.is_cleared`).
    `bosses` is the number of beaten bosses. `spent` is the game time in turns beyond one turn an input
    (leaving, camping, `auto`, travel). `cleared_at` is the time of the last first clear, in turns. `held` is
    the dungeon that the hero left last; entering its level again resumes it. `bombs_left` and `rations_left`
    are what the hub still sells, like `potions_left`; `restocks` is set until the next visit after a first
    clear. `camped`: the hero has camped in this visit. `meters` is what chance still owes the hero, in
    permille: items, potions, rarity, and unique items. `road` is empty unless an event on the road to another
    region waits for an answer: then it holds the region, the number of events after this one, and the event.
    """

    region: int = 0
    cleared: Sequence[int] = field(default_factory=list)
    completions: int = 0
    bosses: int = 0
    first_clears: int = 0
    xp_since_clear: int = 0
    packed_offers: PackedOffers = field(default_factory=list)
    packed_shop: PackedItems = field(default_factory=list)
    potions_left: int = 1
    rerolls: int = 0
    frontier: int = 1
    spent: int = 0
    cleared_at: int = 0
    held: Dungeon | None = None
    bombs_left: int = 1
    rations_left: int = 2
    restocks: bool = True
    camped: bool = False
    meters: Sequence[int] = field(default_factory=lambda: [0, 0, 0, 0])
    road: Sequence[int] = field(default_factory=list)

    @property
    def offers(self) -> Sequence[Offer]:
        offers = self.packed_offers
        if type(offers) is Raw:
            offers = self.packed_offers = _read_offers(offers)
        return offers

    @offers.setter
    def offers(self, offers: Sequence[Offer]) -> None:
        self.packed_offers = offers

    @property
    def shop(self) -> Sequence[Item]:
        shop = self.packed_shop
        if type(shop) is Raw:
            shop = self.packed_shop = _read_items(shop)
        return shop

    @shop.setter
    def shop(self, shop: Sequence[Item]) -> None:
        self.packed_shop = shop


class State(Struct, array_like=True, gc=False):
    """The state of one run.

    `log` holds coded events: those of the present turn begin at `turn_start`, those before it are of former
    turns. `past` has older events, encoded and joined, and `past_sizes` the size of each in bytes (`log.py`).
    `back` is the phase that `0` returns to from the inventory. While `phase` is LevelUp, `talent_offer` holds
    the three talents of the choice, and `after` the phase that follows. `reward` has the gains from the last
    completed dungeon. `nonce` is secret while a ranked run lives: 16 bytes, which the dice depend on; it is
    empty in other runs. `ascension` is the number of rows of `ascensions.json` that make the run harder.
    """

    seed: int
    mode: int
    ranked: bool
    phase: int
    turn: int
    dice: Dice
    hero: Hero
    world: World
    dungeon: Dungeon | None = None
    fight: Fight | None = None
    back: int = 1
    after: int = 1
    talent_offer: Sequence[int] = field(default_factory=list)
    reward: Sequence[int] = field(default_factory=list)
    over: bool = False
    log: list[PackedEvent] = field(default_factory=list)
    ending: int = 0
    past: bytes = b""
    past_sizes: bytes = b""
    turn_start: int = 0
    nonce: bytes = b""
    ascension: int = 0


_read_items: Final = msgspec.msgpack.Decoder(list[Item]).decode
_read_worn: Final = msgspec.msgpack.Decoder(list[Item | None]).decode
_read_offers: Final = msgspec.msgpack.Decoder(list[Offer]).decode
