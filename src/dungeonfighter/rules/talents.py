"""The mechanisms of talents: `Talent.key` in the content files names a `Perk`.

A hero's figures hold one amount per perk (0: the hero does not have it), so the rules read
`perks[Perk.executioner]` and not the catalogue. A hero has a talent at most once.

Source: docs/rules.md, "Talents".
"""

from __future__ import annotations

from typing import Final


class Perk:
    """Every mechanism, with the meaning of its amount.

    Plain numbers, for the reason given at `events.Event`.
    """

    counter_guard: Final = 0
    """The hero answers a guarded heavy attack at once with amount permille of a plain hit."""
    precise_combo: Final = 1
    """The precise stance rolls amount higher."""
    power_armour: Final = 2
    """After a power attack the hero takes amount permille of the damage instead of 1500."""
    bleed_on_combo: Final = 3
    """Each combo also makes the enemy bleed amount."""
    executioner: Final = 4
    """The hero deals amount permille of the damage to an enemy under 30 % health."""
    second_wind: Final = 5
    """Once a fight, the hero heals amount permille of the maximum when damage leaves under 25 % health."""
    scavenger: Final = 6
    """A search finds something on amount times as many faces, and wakes no enemy."""
    door_sense: Final = 7
    """No door is dark."""
    cheap_potions: Final = 8
    """The hero pays amount permille of every price, at the hub and at merchants."""
    opener_crit: Final = 9
    """The first attack of a fight is critical on amount more faces."""
    interrupt_mark: Final = 10
    """An interrupt also marks the enemy, and delays it by amount more permille of its period."""
    hazard_ward: Final = 11
    """Hazards never strike the hero; traps cost amount permille."""
    thick_skin: Final = 12
    """The hero's armour rises by amount and a third of the level."""
    quick_hands: Final = 13
    """A consumable takes amount permille of an action instead of 500."""
    strip_keeper: Final = 14
    """A miss does not reset the strip, amount times a fight."""
    gambler: Final = 15
    """A natural 1 is a critical, a natural 2 a critical miss."""
    long_statuses: Final = 16
    """Statuses that the hero inflicts are amount stronger or longer."""
    poisoner: Final = 17
    """Each critical also inflicts amount stacks of poison."""
    field_medic: Final = 18
    """Resting and camping heal amount more permille of health."""
    giant_slayer: Final = 19
    """The hero deals amount permille of the damage to elites, guardians and bosses."""
    momentum: Final = 20
    """Each combo in a row shortens the next action by amount permille, down to 60 %."""
    last_stand: Final = 21
    """Under 30 % health the hero deals amount permille of the damage."""
    escape_artist: Final = 22
    """Fleeing always succeeds; fleeing and leaving cost no scar."""
    hoarder: Final = 23
    """The hero carries amount more potions; each raises the chance that a kill drops one by 4 %."""


KEYS: Final = tuple(name for name in vars(Perk) if not name.startswith("_"))
"""The names that a content file may use; a perk's number is its place in this tuple."""
NUMBERS: Final = {key: number for number, key in enumerate(KEYS)}
