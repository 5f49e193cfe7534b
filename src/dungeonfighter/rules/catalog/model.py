"""The schema of the content files: one struct for the rows of each file.

Every figure is an integer; a fraction is permille, and 1000 changes nothing. A row refers to another by its
`id`; `catalogue.build` resolves these to numbers. Texts have budgets (`checks.py`).

Source: docs/rules.md.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

HABITS: Final = ("feint", "charge", "ward", "harden", "aim", "drain", "steal", "summon", "rage")
"""The ways of an enemy beside the actions of its archetype."""

EVENT_STATS: Final = ("str", "agi", "tec", "int")
"""The stats of which a quarter is added to the die of an event's option, in the order of a hero's stats."""
PHASES: Final = ("quicken", "molten", "rise")
"""The changes of a boss below half of its health."""

AFFIX_STATS: Final = (
    "str", "agi", "tec", "int", "health", "armour", "damage", "speed", "hit", "combo", "crit", "luck",
    "gold",
)  # fmt: skip
"""The stats that an affix can raise, in the order of `loot.totals`. `speed` is permille off the hero's
period, `luck` permille more drops, `gold` permille more gold; `hit`, `combo` and `crit` are steps on the
die."""


class Effect(Struct, frozen=True, forbid_unknown_fields=True):
    """A status that an action of the strip inflicts. `who`: foe | self.

    `on`: "combo" (on a combo or a critical, that is always), "critical" (only on a critical), "hit" (once for
    each hit of the action).
    """

    status: str
    amount: int
    on: str = "combo"
    who: str = "foe"


class HeroAction(Struct, frozen=True, forbid_unknown_fields=True):
    """One action of the strip.

    `damage` (of each hit) and `length` are permille of a plain attack; the `hits` share one roll. `weapon` is
    the kind that can use the action ("any": all). `points` are the class points at which that class learns it
    (-1: only gear grants it). `pierce` is the permille of armour that it ignores. `heal` is permille of
    maximum health. `route`, which counts from INT 10 on, is the next slot of the strip: "" (the following),
    "repeat", "first", "skip" (the one after the following), "jump2" (the third). An `opener` deals 25 % more
    in the first slot, a `finisher` in the last.
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
    """A kind of enemy: factors in permille, and the weights of light, normal, heavy, status, defend, heal.

    An ordinary enemy draws its actions by these weights; an elite or guardian repeats the `pattern`.
    """

    id: str
    health: int
    damage: int
    time: int
    armour: int
    weights: tuple[int, int, int, int, int, int]
    pattern: tuple[str, ...] = ("normal",)


class Enemy(Struct, frozen=True, forbid_unknown_fields=True):
    """One enemy. `hero_class` is its place on the class wheel or ""; its status intent inflicts `status`.

    `rank` is normal, elite or boss. A normal enemy can also be met as an elite or a guardian. An elite is
    met in elite rooms of its theme only; it repeats its `pattern`. A boss has another, `pattern_low`, under
    half of its health. `habit` is an action of its own, which stands in for some of its normal attacks,
    "rage" (it grows with each guarded action),
    or "". `phase` is the change of a boss under half of its health: quicken | molten | rise | "".
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
    habit: str = ""
    pattern: tuple[str, ...] = ()
    pattern_low: tuple[str, ...] = ()
    phase: str = ""


class Talent(Struct, frozen=True, forbid_unknown_fields=True):
    """One talent. `key` names a `rules.talents.Perk`, which defines the meaning of `amount`."""

    id: str
    name: str
    text: str
    key: str
    amount: int


class BaseItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of item. `slot`: weapon | head | chest | legs | feet; `weapon`: kind or "".

    A roll of `low` to `high` gives the base value. `time` is the factor in permille of the wearer's period.

    A unique item says its `power` in words; that is a `relic` (`bonuses.Relic`) with its `amount`, or a
    `bonus` on `stat` under the condition `when`, as an affix has. It is found at any level: its value is
    `worth` permille of that of the first ordinary item of its slot and weapon kind, and `tier`, `low` and
    `high` do not count. `score` is an estimate of what the relic adds to fighting strength, in permille.
    """

    id: str
    name: str
    slot: str
    tier: int
    low: int
    high: int
    weapon: str = ""
    time: int = 1000
    power: str = ""
    relic: str = ""
    amount: int = 0
    stat: str = ""
    when: str = ""
    bonus: int = 0
    worth: int = 1000
    score: int = 0


class Affix(Struct, frozen=True, forbid_unknown_fields=True):
    """One prefix or suffix. `stat`: str agi tec int health armour damage speed hit combo crit luck gold.

    Its value on an item of level L and rarity R is `(base * 1000 + L * per_level_permille) * (100 + 8 * R) /
    100,000`, at least 1; for hit, combo, crit, roll and perk it is `base`.

    Four more stats raise no figure of the hero: `deals` and `takes` (permille more damage dealt, less taken)
    and `roll` (on attack rolls) count only under the condition `when` (`bonuses.When`), and `perk` adds to
    the amount of the talents' perk of that name (`bonuses.PERKS`).
    """

    id: str
    name: str
    kind: str
    stat: str
    base: int
    per_level_permille: int = 0
    when: str = ""
    perk: str = ""


class Consumable(Struct, frozen=True, forbid_unknown_fields=True):
    """One consumable. `input` is its input in a fight (5 potion, 6 bomb, 7 ration), or 0 for `item n` only.

    `effect`: heal (permille of maximum health) | damage (permille of a plain hit) | status (on `who`) |
    rest | cleanse (like heal, and ends the hero's bad statuses) | luck (rerolled misses) | opening (for
    power) | interrupt (whatever the enemy shows) | escape (from all but bosses). Beside an effect other than
    `status`, a `status` is put once. `length` is the permille of an action that it takes.
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
    length: int = 500


class Hazard(Struct, frozen=True, forbid_unknown_fields=True):
    """An act of the room against one fighter in a fight.

    `damage` is permille of the victim's maximum health; `status` may be "".
    """

    id: str
    theme: str
    text: str
    status: str
    amount: int
    damage: int = 0


class Place(Struct, frozen=True, forbid_unknown_fields=True):
    """A room of one kind and theme: its name, and the hint at its door, which is true but partial.

    `tilt` is the threshold that the room lowers for both fighters, "hit" | "combo" | "crit"; "hazard": the
    room acts as if so many quiet turns had passed; "": none.
    """

    id: str
    theme: str
    kind: str
    name: str
    hint: str
    tilt: str = ""
    tilt_amount: int = 0


class EventOption(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer to an event: `cost` and `gain` are a thing and an amount, as `journey.trades` lists them.

    With `roll` 0 the hero pays the cost and gets the gain. Else a d20 and a quarter of the hero's `stat` (str
    agi tec int) decide: from `roll` on the hero gets the gain and pays nothing, below it only the cost.
    """

    text: str
    cost: tuple[str, int] = ("", 0)
    gain: tuple[str, int] = ("", 0)
    roll: int = 0
    stat: str = ""


class RoomEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of a shrine, a trap, or an event of travel. With `options` the hero chooses.

    `kind`: shrine | trap | travel; `theme` may be "" for all. `cost` and `gain` are what a trap or travel
    event costs and gives if the hero takes no option; a die can avoid the cost.
    """

    id: str
    kind: str
    theme: str
    text: str
    cost: tuple[str, int] = ("", 0)
    gain: tuple[str, int] = ("", 0)
    options: tuple[EventOption, ...] = ()


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


class Ascension(Struct, frozen=True, forbid_unknown_fields=True):
    """One step of difficulty; ascension n has the first n rows. `ascents.KEYS` has the keys.

    `amount` is a factor in permille, or a number (`ascents.COUNTS`).
    """

    id: str
    name: str
    text: str
    key: str
    amount: int


class Content(Struct, frozen=True, forbid_unknown_fields=True):
    """All rows in the order of the files. A row's place is its number, so new rows go at the end."""

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
    ascensions: tuple[Ascension, ...]
