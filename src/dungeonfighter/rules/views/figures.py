"""The figures of inputs, of rooms and of actions, as named values of the JSON view.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from msgspec import Struct


class Amount(Struct, frozen=True, rename="camel"):
    """One thing that the hero pays or gets, and how much of it.

    `what` is "health", "gold", "xp" (points), "turns", "stirring" (turns until the dungeons stir), "scar",
    "scar_health" (the percent of maximum health that a scar takes), "STR", "AGI", "TEC" or "INT", "shield" or
    "weaken" (at the start of the next fight), "guardian" (percent of strength that the guardian gains or
    loses), "sight" (the next doors show everything), "items" (of a number the hero takes one), "rarity"
    (steps of the item above the usual), "potion", "bomb", "ration", "consumable" (a random one), or "on_sale"
    (more potions at the hub).
    """

    what: str
    amount: int


class Terms(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The cost and the gain of an input or of the room behind a door, as the rules would settle them now.

    Without a die (`chance` is -1) the hero pays `cost` and gets `gain`. With a die the hero gets `gain`, or
    nothing bad happens, in `chance` percent of cases, and in the others pays `cost` and gets `otherwise`.
    `turns` are turns of the clock and of the limit, with the turn of the input itself. `cost_least` is the
    least of a cost in health that is not known yet, `cost` the most. `any_of`: the hero chooses one of the
    gains. `risk` is the percent chance that the input begins a fight.
    """

    cost: list[Amount] = []
    gain: list[Amount] = []
    chance: int = -1
    turns: int = 1
    cost_least: int = 0
    any_of: bool = False
    risk: int = 0
    otherwise: list[Amount] = []


class ActionEffect(Struct, frozen=True, rename="camel"):
    """One status that an action inflicts. `on`: "combo", "critical" or "hit"; `who`: "foe" or "self"."""

    status: str
    amount: int
    on: str
    who: str


class ActionFigures(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One action of the strip in figures; `text` has the same in words.

    `damage` (of each of the `hits`) and `time` are permille of a plain attack, `pierce` is the permille of
    armour that it ignores, `heal` permille of maximum health. `route` is the next slot of the strip with an
    intelligence of 10 or more: "repeat", "first", "skip" (one slot), "jump2" (the third), "" (the following).
    """

    name: str
    text: str
    damage: int
    hits: int = 1
    time: int = 1000
    opener: bool = False
    finisher: bool = False
    pierce: int = 0
    heal: int = 0
    route: str = ""
    effects: list[ActionEffect] = []
