"""The mechanisms talents can have: `Talent.key` in the content files is the name of a `Perk`.

Each perk changes what is the right decision somewhere. A hero's figures hold one amount per perk (0: not held), so
the rules ask `figures.perks[Perk.steady]` and never read the catalogue for it. Amounts are permille unless said
otherwise; a talent is held at most once, two talents with the same key add up.

Source: game.md section 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Perk(IntEnum):
    """Every mechanism, with the meaning of its amount."""

    patient = 0
    """After a guarded enemy action the next attack deals amount more."""
    counter = 1
    """A guarded heavy is answered at once with a blow of amount of a plain hit."""
    reckless = 2
    """Power does not expose the hero while health is above amount of the maximum."""
    precision = 3
    """Precise deals full damage from strip slot amount (counted from 1) on."""
    executioner = 4
    """Attacks deal amount more against an enemy under 30 % of its health."""
    bloodthirst = 5
    """A kill heals amount of maximum health."""
    alchemist = 6
    """Potions heal amount more and take no time."""
    bombardier = 7
    """Bombs deal amount more and stun."""
    gourmet = 8
    """Food heals amount more and clears every bad status."""
    escapist = 9
    """Fleeing never fails and leaves no scar; amount is the permille of health it heals."""
    scout = 10
    """No door is dark; amount is added to the entry d20 (a number, not permille)."""
    trapper = 11
    """Traps do not hurt; each gives gold, amount of what a treasure holds."""
    devout = 12
    """Shrines ask amount less."""
    haggler = 13
    """Prices are amount lower, at merchants and at the hub."""
    camper = 14
    """A second rest in each dungeon, and a rest heals amount more."""
    searcher = 15
    """Searching wakes nothing and finds on amount more faces (a number)."""
    interrupter = 16
    """An interrupt also marks the enemy and costs it amount of its period more."""
    steady = 17
    """A plain hit no longer resets the strip; instead strip slots give amount less than their bonus."""
    opening = 18
    """The first attack of a fight rolls amount higher (a number)."""
    momentum = 19
    """After a combo the next action is amount shorter."""
    last_stand = 20
    """Under 30 % health attacks deal amount more."""
    thick_skin = 21
    """Light and status attacks deal amount less."""
    stubborn = 22
    """Once a fight a deadly blow leaves amount of maximum health."""
    venom = 23
    """Every combo adds amount poison (a number; burn on the undead)."""
    thorns = 24
    """What hits a guarding hero takes amount of the damage it would have done."""
    lucky = 25
    """amount more misses are rerolled each fight, at any level (a number)."""
    giant_slayer = 26
    """Attacks deal amount more against elites, guardians and bosses."""
    collector = 27
    """Treasures hold one item more; kills drop amount more often."""
    duelist = 28
    """At full health the critical face is amount wider (a number)."""
    brewer = 29
    """Clearing a dungeon fills the potions up to amount (a number)."""
    berserk = 30
    """While exposed by power, attacks deal amount more: two powers in a row."""
    mirror = 31
    """A status blocked by guard falls on the enemy instead, amount its strength (a number)."""


KEYS: Final = tuple(perk.name for perk in Perk)
"""What a content file may name; the place in this tuple is the perk's number."""
