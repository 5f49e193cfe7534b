"""The shapes of the content files: one struct a row, checked when the catalogue is loaded.

Every figure is an integer; permille where a fraction is meant (1000 = as it is). References between rows
are by `id` in the files and resolved to numbers by the loader. Texts have budgets (`checks.py`).

Source: game.md sections 2 to 7.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

AFFIX_STATS: Final = (
    "str", "agi", "tec", "int", "health", "armour", "damage", "speed", "hit", "combo", "crit", "luck",
    "gold",
)  # fmt: skip
"""What an affix may raise, in the order of `loot.totals`. `speed` is permille off the hero's period, `luck`
permille more drops, `gold` permille more gold; `hit`, `combo`, `crit` are steps on the die."""


class Effect(Struct, frozen=True, forbid_unknown_fields=True):
    """A status put on a fighter by a strip action. `who`: foe | self.

    `on`: "combo" (whenever the action is played: on a combo or a critical), "critical" (only on a
    critical), "hit" (once for each blow of an action of several).
    """

    status: str
    amount: int
    on: str = "combo"
    who: str = "foe"


class HeroAction(Struct, frozen=True, forbid_unknown_fields=True):
    """One action of the strip.

    `damage` and `length` are permille of a plain attack, `hits` the blows that share one roll. `weapon`
    names the kind that may use it ("any" for all). `points` are the class points at which that class
    learns it (-1: only from gear). `pierce` is the permille of armour ignored. `heal` is permille of
    maximum health, given on a combo. `route`, used from INT 10, says where the strip goes after it: ""
    (next), "repeat", "first", "skip", "jump2". `opener` is worth more in slot 0, `finisher` in the last
    slot: +25 % there.
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
    """One enemy. `hero_class` (for the class wheel) may be ""; `status` is what its status intent inflicts.

    `rank` is normal or boss: elites and guardians are normal enemies met at that rank. Only bosses have
    patterns, the second for under half of their health.
    """

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
    """One talent. `key` names its mechanism, a `rules.talents.Perk`; `amount` is that mechanism's
    figure.
    """

    id: str
    name: str
    text: str
    key: str
    amount: int


class BaseItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of item. `slot`: weapon | head | chest | legs | feet; `weapon`: kind or "".

    `low`..`high` is its base value; `time` is permille on the hero's period while it is worn (heavy
    things slow).
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

    Its value on an item of level L and rarity R is `(base * 1000 + L * per_level_permille) * (100 + 8 *
    R) / 100,000`, at least 1; for hit, combo and crit it is `base` as it is.
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
    """What a room of this theme does to one fighter in a fight.

    `damage` is permille of the victim's maximum health; `status` may be "".
    """

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

    `kind`: shrine | trap | travel; `theme` may be "" for all. `cost` and `gain` are a thing and an amount:
    health (permille of maximum), gold (times the level), xp (permille of a unit), stat (points on the
    class's stat),
    potion, scar (how many), item (one, with so many steps of rarity above the usual roll).
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
