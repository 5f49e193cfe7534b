"""The shapes of the content files: one struct a row, checked when the catalogue is loaded.

Every figure is an integer; permille where a fraction is meant (1000 = as it is). References between rows are by `id` in
the files and resolved to numbers by the loader. Texts have budgets (`loader.py`).

Source: game.md sections 2 to 7.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

AFFIX_STATS: Final = (
    "str", "agi", "tec", "int", "health", "armour", "damage", "speed", "hit", "combo", "crit", "luck", "gold",
)  # fmt: skip
"""What an affix may raise, in the order of `loot.totals`. `speed` is permille off the hero's period, `luck` permille
more drops, `gold` permille more gold; `hit`, `combo` and `crit` are steps on the die; the rest are plain points."""


class Effect(Struct, frozen=True, forbid_unknown_fields=True):
    """A status put on a fighter by a strip action. `who`: foe | self.

    `on`: "combo" (whenever the action is played: on a combo or a critical), "critical" (only on a critical), "hit" (once
    for each blow of the action that lands; for multi-hit actions).
    """

    status: str
    amount: int
    on: str = "combo"
    who: str = "foe"


class HeroAction(Struct, frozen=True, forbid_unknown_fields=True):
    """One action of the strip.

    `damage` and `length` are permille of a plain attack, `hits` the blows that share one roll. `weapon` names the kind
    that may use it ("any" for all). `points` are the class points at which that class learns it (-1: only from gear).
    `pierce` is the permille of armour ignored. `heal` is permille of maximum health, given on a combo. `route`, used from
    INT 10, says where the strip goes after it: "" (next), "repeat", "first", "skip", "jump2".
    `opener` is worth more in slot 0, `finisher` in the last slot: +25 % there.
    """

    id: str
    name: str
    text: str
    weapon: str
    points: int
    damage: int = 1000
    hits: int = 1
    length: int = 1000
    pierce: int = 0
    heal: int = 0
    route: str = ""
    opener: bool = False
    finisher: bool = False
    basic: bool = False
    effects: tuple[Effect, ...] = ()


class Archetype(Struct, frozen=True, forbid_unknown_fields=True):
    """Permille multipliers and the weights of light, normal, heavy, status, defend, heal."""

    id: str
    health: int
    damage: int
    time: int
    armour: int
    weights: tuple[int, int, int, int, int, int]


class Enemy(Struct, frozen=True, forbid_unknown_fields=True):
    """One enemy. `hero_class` (for the class wheel) may be "". `status` is what its status intent inflicts."""

    id: str
    name: str
    theme: str
    archetype: str
    hero_class: str
    status: str
    amount: int
    undead: bool = False
    level_min: int = 1
    level_max: int = 100
    rank: str = "normal"
    pattern: tuple[str, ...] = ()
    pattern_low: tuple[str, ...] = ()


class Talent(Struct, frozen=True, forbid_unknown_fields=True):
    """One talent. `key` names its mechanism in the rules, `amount` is that mechanism's figure (n below).

    | key | mechanism (implemented by the engine) |
    |---|---|
    | counter_guard | a guarded heavy also deals n permille of a plain hit to the enemy |
    | precise_combo | in the precise stance the roll gets n more (on top of its +3) for the combo threshold only |
    | power_armour | power no longer exposes fully: incoming damage x n permille instead of 1500 while exposed |
    | bleed_on_combo | every combo or critical also puts bleed n on the enemy (not on undead) |
    | executioner | damage x n permille against an enemy under 30 % of its health |
    | second_wind | once a fight, falling under 25 % health heals n permille of maximum health |
    | scavenger | searching a room finds on n more faces of the d20, and never wakes a fight |
    | door_sense | dark doors show their kind (n unused, 1) |
    | cheap_potions | the hub's potions and items cost x n permille |
    | opener_crit | the first hero action of a fight widens the critical face by n |
    | interrupt_mark | an interrupt also marks the enemy and delays it by n permille of its period more |
    | hazard_ward | hazards never hurt the hero; traps and their costs x n permille |
    | thick_skin | n armour, plus 1 per 3 hero levels |
    | quick_hands | potion, bomb, food and items take n permille of a plain action instead of 500 |
    | strip_keeper | once a fight, a plain hit (not a miss) does not reset the strip (n = times a fight) |
    | gambler | a natural 1 is no critical miss but a critical, and a natural 2 becomes the critical miss (n unused) |
    | long_statuses | statuses the hero puts on the enemy last or weigh n more |
    | poisoner | every critical also puts poison n on the enemy (not on undead) |
    | field_medic | resting and camping heal n permille of maximum health more |
    | giant_slayer | damage x n permille against elites, guardians and bosses |
    | momentum | each further combo in a row shortens the next hero action by n permille (at most 3 times) |
    | last_stand | under 30 % health damage x n permille |
    | escape_artist | fleeing and leaving always succeed without the enemy's blow and leave no scar (n unused, 1) |
    | hoarder | potions carried at most rises by n, and a kill drops a potion n * 40 permille more often |
    """

    id: str
    name: str
    text: str
    key: str
    amount: int


class BaseItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of item. `slot`: weapon | head | chest | legs | feet; `weapon`: kind or "". `low`..`high` is its base value;

    `time` permille of the weapon kind's own factor.
    """

    id: str
    name: str
    slot: str
    tier: int
    low: int
    high: int
    weapon: str = ""
    time: int = 1000


class Affix(Struct, frozen=True, forbid_unknown_fields=True):
    """One prefix or suffix. `stat`: str agi tec int health armour damage speed hit combo crit luck gold.

    Its value on an item of level L and rarity R is `(base + L * per_level_permille / 1000) * (1000 + 80 * R) / 1000`,
    at least 1, except for hit, combo and crit, which are `base` as it is.
    """

    id: str
    name: str
    kind: str
    stat: str
    base: int
    per_level_permille: int = 0


class Consumable(Struct, frozen=True, forbid_unknown_fields=True):
    """One consumable. `input` is its number in a fight (5 potion, 6 bomb, 7 food) or 0 for `item n` only.

    `effect`: heal (permille of maximum health) | damage (permille of a plain hit) | status (on `who`).
    """

    id: str
    name: str
    text: str
    input: int
    effect: str
    amount: int
    status: str = ""
    who: str = "self"
    price_base: int = 25
    price_per_level: int = 8
    carried_max: int = 4


class Hazard(Struct, frozen=True, forbid_unknown_fields=True):
    """What a room of this theme does to one fighter in a fight. `damage` is permille of the victim's maximum health."""

    id: str
    theme: str
    text: str
    status: str
    amount: int
    damage: int = 0


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """A room of one kind and theme: its name, and the hint at its door (truthful, partial).

    `tilt` shifts thresholds of both fighters there (0 for most): "hit" | "combo" | "crit" | "".
    """

    id: str
    theme: str
    kind: str
    name: str
    hint: str
    tilt: str = ""
    tilt_amount: int = 0


class RoomEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """A trade (shrine), a trap or a travel event: what it costs and gives.

    `kind`: shrine | trap | travel; `theme` may be "" for all. `cost` and `gain` are `("health"|"gold"|"xp"|"stat"|"potion"|"item"|"status"|"scar", amount)`:
    health in permille of maximum, gold per level, xp in permille of a unit(dungeon level), stat points on the class's stat,
    item = steps of rarity above the usual roll, status = a `Status` number put on the hero at the next fight.
    """

    id: str
    kind: str
    theme: str
    text: str
    cost: tuple[str, int] = ("", 0)
    gain: tuple[str, int] = ("", 0)


class Theme(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    region: str
    dungeons: tuple[str, ...]


class Region(Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    name: str
    first_level: int
    last_level: int
    themes: tuple[str, ...]
    boss: str


class Content(Struct, frozen=True, forbid_unknown_fields=True):
    """All rows, in file order; the order gives the numbers, so rows are only ever added at the end."""

    actions: tuple[HeroAction, ...]
    archetypes: tuple[Archetype, ...]
    enemies: tuple[Enemy, ...]
    talents: tuple[Talent, ...]
    items: tuple[BaseItem, ...]
    affixes: tuple[Affix, ...]
    consumables: tuple[Consumable, ...]
    hazards: tuple[Hazard, ...]
    places: tuple[Place, ...]
    events: tuple[RoomEvent, ...]
    themes: tuple[Theme, ...]
    regions: tuple[Region, ...]
