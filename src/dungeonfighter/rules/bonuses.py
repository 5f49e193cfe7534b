"""The bonuses of gear that count only at times, and the powers of unique items.

An affix or a unique item names in its content row what it raises (`DEALS`, `TAKES`, `ROLLS`, or a talent's
perk) and, for the first three, the condition (`When`). The sums over the worn items follow the plain stats in
`loot.affix_totals`, at the places of `Catalogue.bonuses`; `hero.refresh` turns them into lists of the
conditions that the hero has. So an attack of a hero without such a bonus pays for one comparison.

Source: docs/rules.md, "Items".
"""

from __future__ import annotations

from typing import Final

DEALS: Final = 0
"""The damage of the hero's attacks rises by permille."""
TAKES: Final = 1
"""The damage that the hero takes from attacks falls by permille."""
ROLLS: Final = 2
"""The hero's attack rolls rise."""
PERK: Final = 3
"""The amount of a talent's perk (`talents.Perk`) rises."""
RELIC: Final = 4
"""A power of its own (`Relic`)."""

KINDS: Final = ("deals", "takes", "roll", "perk", "relic")
"""The stats of affixes and unique items that are such a bonus, by number."""


class When:
    """Every condition. Plain numbers, for the reason given at `events.Event`."""

    always: Final = 0
    undead: Final = 1
    elite: Final = 2
    guardian: Final = 3
    """A guardian or boss."""
    knight: Final = 4
    beast: Final = 5
    beater: Final = 6
    """An enemy that beats the hero's class on the wheel."""
    hurt: Final = 7
    """The hero has under half of the health."""
    hale: Final = 8
    """The hero has over 90 % of the health."""
    dying: Final = 9
    """The enemy has under half of its health."""
    festering: Final = 10
    """The enemy is poisoned, burning, in acid or bleeding."""
    poisoned: Final = 11
    """Counts once for each stack of poison on the enemy."""
    defending: Final = 12
    readying: Final = 13
    """The enemy shows an action that can be interrupted."""
    power: Final = 14
    guarded: Final = 15
    """The hero's last action was a guard."""
    missed: Final = 16
    """The hero's last attack missed."""
    first_slot: Final = 17
    opening: Final = 18
    """The hero's first attack of the fight."""
    late: Final = 19
    """The fight has gone on for 45 s."""
    exposed: Final = 20
    """A power attack has exposed the hero."""
    rich: Final = 21
    """Counts once for each 20 gold that the hero carries, at most 40 times."""


WHENS: Final = tuple(name for name in vars(When) if not name.startswith("_"))
"""The names that a content file may use; a condition's number is its place in this tuple."""
WORDS: Final = (
    "", " to undead", " to elites", " to guardians and bosses", " to knights", " to beasts",
    " to a stronger class", " below half health", " above 90% health", " while it has under half",
    " while it burns or bleeds", " for each poison on it", " while it defends",
    " to interruptible actions", " with power", " after a guard", " after a miss", " in slot 1",
    " at the first attack", " after 45 s", " while exposed", " for each 20 gold",
)  # fmt: skip
LATE: Final = 45_000
"""Game milliseconds."""
GOLD_EACH: Final = 20
GOLD_TIMES: Final = 40
TAKES_MOST: Final = 600
"""The most permille that bonuses take off an attack of the enemy."""

SHARES: Final = (
    1000, 0, 60, 700, 0, 0, 0, 100, 450, 450, 480, 800, 110, 170, 500, 190, 105, 330, 180, 190, 220, 6000,
)  # fmt: skip
"""The part of the damage in permille, dealt or taken, for which a condition holds.

They are rounded from what the heuristic was measured to deal and take in 12 runs, with fewer guardians and
less power, because a player who slips past less meets them less. Those of enemies are in `Catalogue.shares`.
"""


class Relic:
    """Every power of a unique item that is no bonus under a condition, with the meaning of its amount."""

    spite: Final = 0
    """A miss of the hero makes an opening."""
    stopper: Final = 1
    """A power hit interrupts a heavy attack or a crush."""
    pilot_flame: Final = 2
    """Burn on the enemy does not fall below amount."""
    red_lens: Final = 3
    """Each attack costs the hero amount permille of the maximum health, never the last point."""
    pointing: Final = 4
    """Each guarded attack marks the enemy."""
    burrs: Final = 5
    """Each guarded attack is answered with amount permille of a plain hit."""
    harvest: Final = 6
    """A kill with power heals amount permille."""
    last_debt: Final = 7
    """Once a fight, a lethal attack leaves one point of health."""
    echo_coat: Final = 8
    """A status that the enemy's action inflicts comes upon the enemy, too."""
    apron: Final = 9
    """A potion in a fight also gives shield amount."""
    runner: Final = 10
    """The enemy does not act before the hero flees."""
    coil: Final = 11
    """The attack after a guard takes amount permille of its time."""
    pilgrim: Final = 12
    """A rest also prepares for the next fight: shield amount."""
    hunter: Final = 13
    """An interrupt heals amount permille."""
    digger: Final = 14
    """A search always finds or wakes: it wakes a fight on 1 to amount."""


RELICS: Final = tuple(name for name in vars(Relic) if not name.startswith("_"))
"""The names that a content file may use; the power of number n is the bit 1 << n of `Figures.relics`."""

PERKS: Final = {
    "precise_combo": "precise rolls {:+d}",
    "bleed_on_combo": "combos bleed {:+d}",
    "poisoner": "criticals poison {:+d}",
    "long_statuses": "your statuses {:+d}",
    "hoarder": "{:+d} potion",
    "field_medic": "rest and camp {permille}%",
    "counter_guard": "guarded heavies are answered by {permille}% of a hit",
    "strip_keeper": "{:+d} misses keep the strip",
    "interrupt_mark": "interrupts mark, and delay {permille}%",
}
"""The perks of talents whose amounts add up, so that an affix may raise them, with their words."""
_LOST: Final = (
    "precise rolls", "combo bleed", "critical poison", "longer statuses", "a potion", "better rest",
    "answers to guarded heavies", "strip keeping", "interrupt marks",
)  # fmt: skip
PERK_WORTH: Final = {
    "precise_combo": 2000, "bleed_on_combo": 2500, "poisoner": 1200, "long_statuses": 1200, "hoarder": 2500,
    "field_medic": 25, "counter_guard": 4, "strip_keeper": 600, "interrupt_mark": 10,
}  # fmt: skip
"""An estimate of what one point adds to the fighting strength, in hundredths of a permille."""


def words(kind: int, which: int, amount: int) -> str:
    """Return a bonus in words, for example "damage +18 % to undead".

    Args:
        which: A condition, or for a perk its place in `PERKS`.
    """
    if kind == PERK:
        return tuple(PERKS.values())[which].format(amount, permille=f"{amount / 10:+.0f}")
    if kind == DEALS:
        return f"damage {amount / 10:+.0f}%{WORDS[which]}"
    if kind == TAKES:
        return f"damage taken {-amount / 10:+.0f}%{WORDS[which].replace(' to ', ' from ')}"
    return f"rolls {amount:+d}{WORDS[which]}"


def loss(kind: int, which: int) -> str:
    """Return the shorter words of a bonus that the hero would lose as a whole."""
    if kind == PERK:
        return _LOST[which]
    if kind == TAKES:
        return f"protection{WORDS[which].replace(' to ', ' from ')}"
    return f"{'damage' if kind == DEALS else 'rolls'}{WORDS[which]}"
