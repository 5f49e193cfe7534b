"""The figures of the rules as tables and constants. All are integers; fractions are permille.

The module computes its curves at import without floating point, so they are the same on every machine.

Source: docs/rules.md, which a test compares with these figures.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

LEVEL_MAX: Final = 100
STAT_MAX: Final = 400


def _amplification() -> tuple[int, ...]:
    """Return 1 + 0.56 (TEC / 99) ** 1.1 in permille by TEC, rounded down.

    The part above 1000 is the largest a with a**10 * 99**11 <= 560**10 * TEC**11.
    """
    table, extra = [], 0
    for technique in range(STAT_MAX + 1):
        bound = 560**10 * technique**11
        while (extra + 1) ** 10 * 99**11 <= bound:
            extra += 1
        table.append(1000 + extra)
    return tuple(table)


AMP: Final = _amplification()
SPEED: Final = tuple(100_000 // (100 + agility) for agility in range(STAT_MAX + 1))
"""Factor of the period in permille, by AGI."""

HIT_MILESTONES: Final = (10, 15, 20, 25, 35)
COMBO_MILESTONES: Final = (30, 40, 45, 55, 60, 65, 70, 80, 85)
CRIT_MILESTONES: Final = (50, 75, 90, 95, 100)


def _reached(milestones: tuple[int, ...], most: int = STAT_MAX) -> tuple[int, ...]:
    """Return the number of milestones reached by each amount 0 .. `most`."""
    return tuple(bisect_right(milestones, have) for have in range(most + 1))


HIT_STEPS: Final = _reached(HIT_MILESTONES)
COMBO_STEPS: Final = _reached(COMBO_MILESTONES)
CRIT_STEPS: Final = _reached(CRIT_MILESTONES)
"""Milestones reached, by TEC."""

# The die
MISS_MAX: Final = 5
COMBO_MIN: Final = 14
CRITICAL_FACE: Final = 20
HIT_FLOOR: Final = 2
COMBO_FLOOR: Final = 7
CRITICAL_FLOOR: Final = 15
ROLL: Final = (0, 0, 1000, 1500, 1600)
"""Damage of the hero in permille, by `Band`."""
ENEMY_ROLL: Final = (0, 0, 1000, 1000, 1600)
HEAVY_MISS_MAX: Final = 3
CRITICAL_MISS_LENGTH: Final = 1500
"""Permille of the time of an attack that a critical miss of the hero takes."""

# Time
PERIOD: Final = 8000
ENEMY_PERIOD: Final = 7600
WEAPON_TIME: Final = (990, 995, 945, 980)
PERIODS: Final = tuple(
    tuple(PERIOD * SPEED[agility] // 1000 * WEAPON_TIME[kind] // 1000 for agility in range(STAT_MAX + 1))
    for kind in (0, 1, 2, 3, 0)
)
"""Game milliseconds of a plain attack by weapon kind and AGI; index -1 is for a hero without a class."""
CONSUMABLE_LENGTH: Final = 500
MOMENTUM_FLOOR: Final = 600

POTION: Final = 5
"""The fight input of a potion."""

# Stances, by `Stance` (place 0 is unused)
STANCE_ROLL: Final = (0, 0, 3, -3, 0)
STANCE_DAMAGE: Final = (0, 1000, 750, 1750, 0)
EXPOSED: Final = 1500
OPENING: Final = 1500
"""Permille of its damage that a power attack deals into an opening; it does not expose the hero."""

# Intents, by `Intent`
INTENT_DAMAGE: Final = (600, 1000, 2200, 500, 0, 0, 0, 1000, 0, 3000, 0, 0, 0, 700, 400, 0)
"""Permille of the enemy's damage; an intent with 0 is no attack."""
INTENT_LENGTH: Final = (
    800, 1000, 1300, 1000, 1000, 1000, 1000, 1000, 1000, 1300, 800, 800, 800, 1000, 800, 1000,
)  # fmt: skip
GUARDED: Final = (600, 600, 400, 600, 600, 600, 600, 1800, 600, 400, 600, 600, 600, 600, 600, 600)
"""Permille of the damage that a guarding hero takes: a feint punishes the guard."""
INTERRUPTED: Final = frozenset((3, 5, 8, 10, 11, 12, 15))
"""The intents that can be interrupted: status, heal, charge, ward, harden, aim, summon."""
HABIT_DRAWS: Final = 14
"""Of the draws of 0 .. 99 by which an ordinary enemy acts, those of a normal attack that show its habit."""
WARD: Final = 2
HARDEN: Final = 3
AIM: Final = 3
"""The shield, fortify and pierce that an enemy gives itself."""
SUMMON: Final = 150
"""Permille of the maximum health by which a summoned helper adds to the enemy's."""
RAGE: Final = 1200
"""Permille of its damage that an enemy with rage has after each guarded action."""
QUICKENED: Final = 750
MOLTEN: Final = 1250
RISEN: Final = 150
RISEN_SHIELD: Final = 2
"""The changes of bosses under half health: permille of the period, of the damage, of the maximum health that
is healed, and the shield with it."""
STOLEN_GOLD: Final = 10
"""Gold for each level that is stolen from a hero without consumables."""
ENEMY_HEAL: Final = 200
ENEMY_HEALS_MAX: Final = 2
ENEMY_HEAL_BELOW: Final = 800
ENEMY_FLEE_BELOW: Final = 200
ENEMY_FLEE_WEIGHT: Final = 25
DEFENDED: Final = 500
INTERRUPT_DELAY: Final = 500
FLEE_NEEDS: Final = 5
SLIP_TURNS: Final = 6
"""Turns that it costs to slip past an ordinary enemy or an elite."""

# Damage
DAMAGE_MIN: Final = 3
HIT_MOST: Final = 700
"""Permille of the hero's maximum health that a hit of an enemy takes at most, before the hero's statuses."""
SLOT_BONUS: Final = 200
EDGE_BONUS: Final = 800
"""Permille more damage of an opener in the first slot and of a finisher in the last."""
SET_UP_BONUS: Final = 800
"""Permille more damage of an action whose predecessor in the strip inflicts a status on the enemy."""
WHEEL: Final = 1200
WHEEL_BEATS: Final = {3: 1, 1: 2, 2: 3}
"""Wizard beats warrior beats rogue beats wizard."""

# Statuses, by `Status`
STATUS_CAP: Final = (8, 12, 12, 12, 6, 1, 6, 4, 6, 8, 4, 6, 1)
STATUS_ADDS: Final = (True, True, True, True, False, False, False, False, False, True, True, False, False)
"""True for a status whose amounts add up (to its cap); of the others the larger amount stays."""
STATUS_LENGTHENED: Final = (
    False,
    True,
    True,
    True,
    True,
    False,
    True,
    False,
    True,
    False,
    False,
    True,
    False,
)
WEAKENED: Final = 1500
MARKED: Final = 1500
SHIELDED: Final = 500
SLOWED: Final = 1500
ROLL_PENALTY: Final = 3
POISON: Final = 10
CONFUSED: Final = 500

WEAPON_EFFECT: Final = ((5, 1), (3, 3), (0, 2), (6, 2))
"""The status and amount that a critical inflicts, by weapon kind: stun, bleed, poison, slow."""
UNDEAD_EFFECT: Final = (2, 2)
"""The status and amount (acid 2) that replace poison and bleed against the undead."""
WOUNDED: Final = 300
"""Permille of health below which `executioner` and `last_stand` apply."""
SECOND_WIND_BELOW: Final = 250

# Enemies
HEALTH_CURVE: Final = (105, 5200, 1830)
DAMAGE_CURVE: Final = (14, 510, 112)
"""The curves of enemies: a start, hundredths for each level n above the first, and hundredths for n^2."""


STEEPER_FROM: Final = 10
STEEPER: Final = (80, 80)
"""Permille by which each level beyond the first region adds to the curve of health, and to that of damage."""


def _curve(start: int, linear: int, square: int, steeper: int) -> tuple[int, ...]:
    plain = (start + (linear * n + square * n * n) // 100 for n in range(-1, LEVEL_MAX * 2))
    return tuple(
        amount * (1000 + steeper * max(0, level - STEEPER_FROM)) // 1000 for level, amount in enumerate(plain)
    )


ENEMY_HEALTH: Final = _curve(*HEALTH_CURVE, STEEPER[0])
ENEMY_DAMAGE: Final = _curve(*DAMAGE_CURVE, STEEPER[1])
"""By level; place 0 is unused."""
STATUS_WEIGHT: Final = 2
"""Factor on the amount of the status that an enemy's status action inflicts."""
GATHER: Final = 90
"""Permille of health and damage that guardians and bosses gain for each room passed without a kill."""
GATHER_MOST: Final = 1000
STALE_BASE: Final = 40
STALE_ROOM: Final = 12
"""The allowance of turns until the next first clear: so many, and more for each room of the lowest uncleared
level."""
STALE_EVERY: Final = 5
STALE_STEP: Final = 110
"""Permille of health and damage that new enemies gain for each so many turns beyond the allowance."""
STALE_MOST: Final = 2000
RANK_HEALTH: Final = (1000, 1400, 1200, 2200)
RANK_DAMAGE: Final = (1000, 1200, 1100, 1150)
RANK_XP: Final = (1000, 2000, 1500, 5000)
ROOM_XP: Final = 500
CLEAR_XP: Final = 15_000
REPEAT_XP: Final = 8_500
"""Permille of a unit of experience for a room of a fight, a first clear, and a repeated one."""
RANK_STEPS: Final = (0, 1, 0, 2)
RANK_GOLD: Final = (1, 3, 2, 8)
STATUS_DAMAGE: Final = tuple(2 + level // 2 + level * level // 40 for level in range(LEVEL_MAX * 2))
"""Damage of one point of burn or bleed (acid: half), by the level of the fight."""
FORTIFY: Final = tuple(1 + level // 4 for level in range(LEVEL_MAX * 2))
"""Armour that one point of fortify gives, by the level of the fight."""

# Hero
HEALTH: Final = 290
HEALTH_PER_LEVEL: Final = 14
STAT_GAIN: Final = 3
OTHER_GAIN: Final = 1
"""The gains of the stat of the weapon and of each other stat by a level."""
LEVEL_HEALS: Final = 0
COMPLETION_HEALS: Final = 0
"""Permille of health that a new level and a completed dungeon heal."""
TRAINED: Final = 2
"""Points on the stat of the weapon that a hero can take instead of a talent."""
POTIONS_MAX: Final = 3
TIERS: Final = (2, 6, 12, 20)
TIER_STEPS: Final = _reached(TIERS, TIERS[-1])
"""Tiers reached, by class points up to the last tier."""
SCAR: Final = 50
SCARS_MAX: Final = 6
SCAR_BEYOND: Final = 250
"""Permille of health that a hero with all scars loses instead of getting another."""
ROUTING_INT: Final = 10
LUCK: Final = 9
"""Beginner's luck: a hero rerolls `LUCK - level` misses a fight."""
STRONGER: Final = 350
"""Permille of experience lost for each level that the hero is above the dungeon."""
STRONGER_NONE: Final = 3
"""Levels above the dungeon from which the hero gets no experience."""

# Rooms, by `RoomKind`
DOOR_WEIGHTS: Final = (46, 12, 9, 8, 6, 7, 12)
DOOR_DARK: Final = 250
REST: Final = 500
CAMP: Final = 1000
CAMP_TURNS: Final = 6
CAMP_POTIONS: Final = 1
"""A camp, once a visit: permille of health, turns, and potions that the hub then has more on sale."""
PREPARED: Final = 2
"""The shield of the next fight that a ration gives instead of a rest."""
LEAVE_TURNS: Final = 10
TRAVEL_TURNS: Final = 10
TRAVEL_EVENTS: Final = 3
TRAVEL_AVOIDS: Final = 14
TRAVEL_GAINS: Final = 6
SEARCH_FINDS: Final = (12, 15, 9, 7, 6, 9, 14)
"""Faces of the d20 on which a search finds something, by `RoomKind`."""
SEARCH_FINDS_MAX: Final = 20
SEARCH_POTION: Final = 20
SEARCH_GOOD: Final = 60
"""Of 100 finds the first so many are a potion, those up to the second number another good, the rest an item.
"""
SEARCH_WAKES: Final = (2, 4, 3, 0, 0, 1, 5)
"""Faces of the d20 on which a search wakes an enemy, by `RoomKind`."""
HAZARD_STEP: Final = 5
HAZARDS_MAX: Final = 2
RANK_DROP: Final = (250, 0, 400, 1000)
"""Chance in permille that a kill drops an item, by rank."""
DROP_POTION: Final = 30
DROP_OTHER: Final = 150
DROP_PER_HOARDER: Final = 40
UNIQUE: Final = 12
"""Chance in permille that a found item is unique."""
OTHERS_MAX: Final = 6
"""The most consumables other than potions, bombs and rations that the hero carries."""
STAPLES_IN: Final = 6
"""Of so many drawn consumables other than potions, one is a bomb and one a ration."""
SPOILS: Final = 3
"""Items of which the hero takes one: those of an elite, and those of a treasure."""
METER_GAIN: Final = 500
"""Permille of what a chance still owes the hero (or has given too much) that counts in the next draw."""
RARITY_METER: Final = (16, 0, -100, -100, -100, -100)
"""The change of the meter of rarities by the rarity of a found item, in permille of the draw."""
RARITY_METER_MOST: Final = 400
REST_ROOM: Final = 400
STUDY_UNITS: Final = 2
TRAP_AVOIDED: Final = 13
TRAP_WEIGHT: Final = 1500
"""Factor in permille of a trap's cost in the content file."""
LOCK_OPENS: Final = 9
LOCK_COSTS: Final = 150
LOCK_GOLD: Final = 10
LOCK_STEPS: Final = 1
ENTRY_SURPRISED: Final = 5
ENTRY_PLAIN: Final = 9
ENTRY_INFORMED: Final = 12
ENTRY_HAZARD: Final = 15
ROSTER: Final = 4
START_GOLD: Final = 40
START_GOODS: Final = {5: 2, 6: 1, 7: 1}
"""Number of consumables at the start of a run, by fight input."""
STOCK: Final = {5: 2, 6: 1, 7: 2}
"""Number of consumables on sale at the hub, by fight input. The hub restocks after a first clear only."""
WARE_STEPS: Final = 1
"""Rarity steps of the item on sale at the hub."""
WARES_CHOSEN: Final = 2
"""The factor on the price of other wares if the hero chooses their slot."""
TRADE_UP_PRICE: Final = 500
"""The price of a trade of five items, in permille of the price of one of them."""
BOMB_SHARE: Final = (300, 300, 300, 200)
"""Permille of the enemy's maximum health that a bomb takes beside its hit, by rank."""
ROOMS_MAX: Final = 12
AUTO_STOPS_BELOW: Final = 300

# Score, hundredths
LEVEL_POINTS: Final = 300
BOSS_POINTS: Final = 300
LAST_POINTS: Final = 100
PROGRESS_POINTS: Final = 100
SCORED_LEVELS: Final = 30
SCORED_BOSSES: Final = 3


XP_NEXT: Final = (0, 300, 450, *(300 * (level - 1) for level in range(3, LEVEL_MAX)), 1 << 62)
"""Experience from each level to the next; no experience leads beyond the last."""


def unit(level: int) -> int:
    return 25 + 5 * level


def xp_next(level: int) -> int:
    return XP_NEXT[level if level < LEVEL_MAX else LEVEL_MAX]


def rooms_of(level: int) -> int:
    rooms = (level + 1) // 2
    if rooms < 2:
        return 2
    return rooms if rooms < ROOMS_MAX else ROOMS_MAX
