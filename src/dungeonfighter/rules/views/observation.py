"""The JSON view as typed values, without the fields that the service adds (`botId`, `episode`).

Field names on the wire are camelCase (`rename="camel"`). These structs are the one source of the JSON Schema
`dungeonfighter://schema/view.json`: the first line of a struct's docstring is its description there. A policy
sees exactly these values, over MCP or directly on the rules.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.rules import tables
from dungeonfighter.rules.views.figures import ActionFigures, Terms


class Choice(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One legal input, which applies as it stands, with a short label.

    `pattern` is there only where the input takes numbers: `input` is then one example, and `strip a,b` or
    `drop n` shows where a bot puts in its own numbers. `terms` has the figures of the label, where there are
    any that no other field has.
    """

    input: str
    label: str
    pattern: str = ""
    terms: Terms | None = None


class ClosedChoice(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One input that is not legal now; `reason` says why: "too dear", "sold out", "full", or in words."""

    input: str
    label: str
    reason: str
    terms: Terms | None = None


class WeaponView(Struct, frozen=True, rename="camel"):
    """One weapon of the first choice, with its class, the stat that grows and the first action."""

    input: str
    kind: str
    hero_class: str
    stat: str
    action: ActionFigures
    description: str


class GrowthView(Struct, frozen=True, rename="camel"):
    """The gains by a new level: of the stat of the class, of each other stat, of maximum health.

    `healed` is the percent of maximum health that the level healed, `slot` the number of a new slot of the
    strip (0: none). `words` says the same, a gain each.
    """

    stat: str
    stat_gain: int
    other_gain: int
    health_gain: int
    healed: int
    slot: int
    learned: list[ActionFigures]
    words: list[str]


class TalentView(Struct, frozen=True, rename="camel"):
    """One talent, on offer or the hero's, with its number from 1.

    `effect` is what it changes and `amount` by how much, in the unit that `text` tells.
    """

    number: int
    name: str
    text: str
    effect: str = ""
    amount: int = 0


class StatusView(Struct, frozen=True, rename="camel"):
    """One status on a fighter; `amount` is its strength or the actions it still lasts.

    `meaning` says what the amount does now, for example "loses 12 hp at the next attack, then less".
    """

    name: str
    amount: int
    meaning: str = ""


class ItemView(Struct, frozen=True, rename="camel"):
    """One item. `number` is its place in the bag from 1; 0 when worn, on sale or in a room.

    `change` compares the hero's figures with this item on and those of now, and names the actions that it
    grants and takes; "" for a worn item.
    `price` is the price here, 0 when the item is not on sale. `drop_gold` is what dropping it pays. `granted`
    has the `actions` in figures.
    """

    number: int
    name: str
    slot: str
    kind: str
    rarity: str
    level: int
    damage: int
    armour: int
    affixes: list[str]
    actions: list[str]
    change: str
    damage_change: int
    armour_change: int
    health_change: int
    score_change: int
    """An estimate of the change in fighting strength, permille of that of now. The heuristic compares it."""
    price: int = 0
    drop_gold: int = 0
    granted: list[ActionFigures] = []


class ActionView(Struct, frozen=True, rename="camel"):
    """One action the hero knows; `number` is its index for `strip`."""

    number: int
    name: str
    text: str
    in_strip: bool
    figures: ActionFigures | None = None


class ConsumableView(Struct, frozen=True, rename="camel"):
    name: str
    count: int
    input: str
    text: str


class PlayerView(Struct, frozen=True, rename="camel"):
    """The hero. `hit_at`, `combo_at`: the lowest total that hits and combos; `critical_at`: the lowest
    bare die.

    In a fight these three hold for a plain attack now, with the bonuses of the room. `period` is the time of
    a plain attack in milliseconds, `amplification` permille on all damage. `statuses` are those of the fight.
    `talent_texts` says what each of `talents` does. `strip_texts` has the actions of `strip` with their
    figures in their slots: the damage includes the bonus of the slot, of an opener or finisher at its place,
    and of a set-up (`Rend+`).
    """

    name: str
    hero_class: str
    weapon_kind: str
    level: int
    xp: int
    xp_next: int
    health: int
    health_max: int
    strength: int
    agility: int
    technique: int
    intelligence: int
    class_points: dict[str, int]
    gold: int
    scars: int
    damage: int
    armour: int
    potions: int
    talents: list[str]
    strip: list[str]
    actions: list[ActionView]
    worn: list[ItemView]
    bag: list[ItemView]
    consumables: list[ConsumableView]
    statuses: list[StatusView]
    hit_at: int = 6
    combo_at: int = 14
    critical_at: int = 20
    period: int = 8000
    amplification: int = 1000
    strip_slots: int = 1
    potions_max: int = tables.POTIONS_MAX
    talent_texts: list[str] = []
    strip_texts: list[str] = []


class DungeonView(Struct, frozen=True, rename="camel"):
    """The dungeon. `guardian_grown` is the percent of health and damage that its guardian or boss has gained,
    for the rooms passed without a kill. `repeat`: its level was cleared before, so it brings no points.
    """

    name: str
    theme: str
    level: int
    rooms: int
    room: int
    boss: bool
    guardian_grown: int = 0
    repeat: bool = False


class DoorView(Struct, frozen=True, rename="camel"):
    """One door: `kind` is the room's kind or "dark"; `hint` the words at the door.

    `enemy`, `archetype` and `rank` are those of the enemy behind it, if it is known. `wheel` is the percent
    of damage that the class wheel adds: of the hero's if it is over 0, of the enemy's below 0. `terms` is
    what the room gives and costs, None behind a dark door.
    """

    number: int
    kind: str
    hint: str
    enemy: str = ""
    archetype: str = ""
    rank: str = ""
    wheel: int = 0
    terms: Terms | None = None


class RoomView(Struct, frozen=True, rename="camel"):
    """The room: `phase` is "doors" (a choice of the next one), "fight", "offer" or "cleared".

    Before the first room `kind` and `name` are "". `stock` holds the wares of a merchant, or the items of a
    treasure or an elite of which the hero takes one. `ahead` has the doors behind the next room (at doors) or
    of the next room (in a cleared one), whichever of the doors the hero takes now.
    """

    kind: str
    name: str
    phase: str
    doors: list[DoorView]
    can_rest: bool
    can_search: bool
    last: bool
    text: str = ""
    stock: list[ItemView] = []
    ahead: list[DoorView] = []


class StanceView(Struct, frozen=True, rename="camel"):
    """One of the three attacks now: its damage if it hits, and its chances in percent.

    `damage_min` is the least damage of a hit or combo, `damage_max` that of a critical. `hit_chance` is the
    chance of a hit, a combo or a critical, `combo_chance` that of the last two, `interrupt_chance` that of a
    roll which interrupts the shown action (0: nothing does). Luck and confusion are in them.
    """

    input: str
    name: str
    damage_min: int
    damage_max: int
    hit_chance: int
    combo_chance: int
    interrupt_chance: int


class CombatView(Struct, frozen=True, rename="camel"):
    """The fight as the hero sees it. `enemy_first` says who acts first if the hero attacks plainly now.

    `incoming` is the damage of the shown intent on a plain hit (0: it does none), `outgoing` that of a
    plain hit of the hero now. Times are milliseconds from now, when the hero acts: `enemy_acts_in` until
    the shown action (a stun is part of it), `hero_acts_in` until the hero's next action after a plain hit.
    A critical miss of the hero doubles that, and a combo or a new status changes any of these figures.
    `strip_step` counts from 0, `next_action` is the action that a combo plays. `luck` is the number of
    misses that luck will still reroll. `intent_after` is the action after the shown one, by the pattern of
    an elite, a guardian or a boss ("" for others), `intent_after_in` the time until it; for an unknown one
    that of an action of ordinary length. `opening`: the next power hit deals x1.5 and does not expose the
    hero.
    `incoming_critical` is the damage of the shown intent on a critical, `guarded` that of a hit on a guard,
    `incoming_exposed` that of a hit after a power attack that exposes the hero.
    `guard` is "early" if the hero can act once more before the shown action and guard then, "useless" if the
    enemy is stunned, which ends a guard, else "". `follow_up` is an action of the enemy that can come before
    the hero's next action, after the shown one ("" for none): by the pattern, or of an ordinary enemy the one
    with the most damage; `follow_up_damage` is that of its hit, `follow_up_in` the time until it.
    `goods_time` is the time that a consumable takes, but for one that takes none; nearly 0 with the talent.
    While the intent is "defend", all attacks but power deal half, which `stances` and `outgoing` have.
    `combo_acts_in` is the time until the hero's next action if this one is a combo. `flee_chance` is in
    percent. `room_hit`, `room_combo` and `room_critical` are bonuses of the room on the rolls of both sides.
    `last_action` is "guard" or "miss" if the last action of the hero was one (bonuses may ask), else "".
    `intent_amount` is the amount of `intent_status`. `critical_from` is the lowest bare die that is critical
    now; `player.critical_at` lacks the talents of a first attack. `bonuses` are those of `next_action` by its
    place in the strip: "opener", "finisher", "set up". `braced`: a talent keeps a power attack from exposing
    the hero. `changed`: the boss has made its `change_below_half`. `wheel` is the percent of damage that the
    class wheel adds: of the hero's if it is over 0, of the enemy's below 0. `flee_terms` is the price of a
    flight, None where there is none.
    """

    enemy: str
    rank: str
    archetype: str
    enemy_class: str
    level: int
    health: int
    health_max: int
    armour: int
    undead: bool
    intent: str
    intent_status: str
    incoming: int
    outgoing: int
    hero_acts_in: int
    enemy_acts_in: int
    enemy_first: bool
    strip_step: int
    next_action: str
    luck: int
    statuses: list[StatusView]
    exposed: bool
    enemy_period: int = 7600
    can_flee: bool = True
    intent_after: str = ""
    opening: bool = False
    habit: str = ""
    intent_after_in: int = 0
    change_below_half: str = ""
    """The change of a boss when its health falls under half ("" for others)."""
    stances: list[StanceView] = []
    incoming_critical: int = 0
    incoming_exposed: int = 0
    guarded: int = 0
    guard: str = ""
    follow_up: str = ""
    follow_up_damage: int = 0
    follow_up_in: int = 0
    combo_acts_in: int = 0
    flee_chance: int = 0
    flee_price: str = ""
    room_hit: int = 0
    room_combo: int = 0
    room_critical: int = 0
    goods_time: int = 0
    last_action: str = ""
    intent_amount: int = 0
    critical_from: int = 20
    bonuses: list[str] = []
    braced: bool = False
    changed: bool = False
    wheel: int = 0
    flee_terms: Terms | None = None


class OfferView(Struct, frozen=True, rename="camel"):
    """One dungeon of the hub's list; `cleared` says that its level was cleared before, in any dungeon.

    `kinds` are the archetypes of its enemies in their order. `first_clear`: clearing it would count; `xp` and
    `gold` are what the hero would get for that now, and `reward_level` is the level of the item. `wheels` has
    for each of `enemies` the percent of damage that the class wheel adds: of the hero's if it is over 0, of
    the enemy's below 0. `guardian` is the name of a boss ("" of others), with its `guardian_wheel`.
    """

    number: int
    name: str
    theme: str
    level: int
    rooms: int
    boss: bool
    cleared: bool
    enemies: list[str]
    reward: str
    resumes_at: int = 0
    """The room in which the hero goes on, if the hero has left this dungeon; else 0."""
    guardian_grown: int = 0
    """The percent of health and damage that the guardian of a left dungeon has gained."""
    kinds: list[str] = []
    first_clear: bool = False
    xp: int = 0
    gold: int = 0
    reward_level: int = 0
    wheels: list[int] = []
    guardian: str = ""
    guardian_wheel: int = 0


class Observation(Struct, frozen=True, rename="camel"):
    """The full snapshot of one run: everything the hero knows and nothing it cannot know.

    `turns_left` is the number of turns until the end of a ranked or short run, None if the run has no limit.
    `allowance_left` is the number of turns until the dungeons stir, 0 from then on; `stirring` is the percent
    of health and damage by which new enemies have grown since. A first clear gives a new allowance. `road` is
    the event on the road to another region that waits for an answer, "" if there is none.
    The last `recent_new` sentences of `recent_output` are of this turn. `recent_tones` has one character for
    each sentence: + for a gain of the hero, - for a harm, = for neither.
    `hardships` says what the `ascension` changes.
    Dungeons that stir do so by `stirring_step` percent every `stirring_turns` turns. `closed_actions` are the
    wares and options that the hero cannot take now. `growth` is what a new level brought, until its talent is
    chosen. `repeat`: this turn cleared a level that had been cleared before. The last `new_items` items of
    the bag came this turn. `weapons` are those of the choice at the beginning.
    """

    turn: int
    digest: str
    rules: str
    seed: int | None
    mode: str
    turns_left: int | None
    score: float
    is_over: bool
    current_state: str
    player: PlayerView
    current_dungeon: DungeonView | None
    current_room: RoomView | None
    combat: CombatView | None
    dungeons: list[OfferView]
    talents: list[TalentView]
    shop: list[ItemView]
    available_actions: list[Choice]
    recent_output: list[str]
    allowance_left: int = 0
    stirring: int = 0
    road: str = ""
    recent_new: int = 0
    recent_tones: str = ""
    ascension: int = 0
    hardships: list[str] = []
    region: str = ""
    stirring_step: int = 0
    stirring_turns: int = 0
    closed_actions: list[ClosedChoice] = []
    growth: GrowthView | None = None
    repeat: bool = False
    new_items: int = 0
    weapons: list[WeaponView] = []
