"""The mechanisms talents can have: `Talent.key` in the content files is the name of a `Perk`.

Each perk changes what is the right decision somewhere. A hero's figures hold one amount per perk (0: not
held), so the rules ask `perks[Perk.executioner]` and never read the catalogue for it. A talent is held at
most once.

Source: game.md section 3.
"""

from __future__ import annotations

from typing import Final


class Perk:
    """Every mechanism, with the meaning of its amount.

    Plain numbers, for the reason given at `events.Event`.
    """

    counter_guard: Final = 0
    """A guarded heavy is answered at once with amount permille of a plain hit."""
    precise_combo: Final = 1
    """Precise rolls amount higher still."""
    power_armour: Final = 2
    """After power the hero takes amount permille instead of 1500."""
    bleed_on_combo: Final = 3
    """Each combo also makes the enemy bleed amount."""
    executioner: Final = 4
    """Damage x amount permille against an enemy under 30 % of its health."""
    second_wind: Final = 5
    """Once a fight, when a blow leaves the hero under 25 % health, amount permille of health comes back."""
    scavenger: Final = 6
    """Searching finds on amount times as many faces and wakes nothing."""
    door_sense: Final = 7
    """No door is dark."""
    cheap_potions: Final = 8
    """Prices are amount permille, at the hub and at merchants."""
    opener_crit: Final = 9
    """The first attack of a fight is critical on amount more faces."""
    interrupt_mark: Final = 10
    """An interrupt also marks the enemy and delays it by amount permille of its period more."""
    hazard_ward: Final = 11
    """Hazards spare the hero; traps cost amount permille of what they would."""
    thick_skin: Final = 12
    """Armour + amount + a third of the level."""
    quick_hands: Final = 13
    """Using something takes amount permille of an action instead of 500."""
    strip_keeper: Final = 14
    """amount times a fight a plain hit does not reset the strip."""
    gambler: Final = 15
    """A natural 1 is a critical; a natural 2 a critical miss."""
    long_statuses: Final = 16
    """What the hero inflicts is amount stronger or longer."""
    poisoner: Final = 17
    """Each critical also poisons: amount stacks."""
    field_medic: Final = 18
    """Resting and camping heal amount permille of health more."""
    giant_slayer: Final = 19
    """Damage x amount permille against elites, guardians and bosses."""
    momentum: Final = 20
    """Each combo in a row makes the next action amount permille shorter, down to 60 %."""
    last_stand: Final = 21
    """Under 30 % health the hero's damage is x amount permille."""
    escape_artist: Final = 22
    """Fleeing always works; fleeing and leaving leave no scar."""
    hoarder: Final = 23
    """Carries amount more potions, and kills drop 8 % more of them."""


KEYS: Final = tuple(name for name in vars(Perk) if not name.startswith("_"))
"""What a content file may name; the place in this tuple is the perk's number."""
NUMBERS: Final = {key: number for number, key in enumerate(KEYS)}
