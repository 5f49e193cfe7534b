"""The thirteen statuses: inflicting them, their effects when the bearer acts, and their fading.

| status | its number counts | effect on the bearer |
|---|---|---|
| poison | stacks | loses 1 % of maximum health per stack at every own action, until cleared |
| burn | strength | loses that many points at every own action; then the strength falls by 1 |
| acid | strength | loses half as much as by burn, and `strength` armour for the fight; then falls by 1 |
| bleed | strength | loses as much as by burn, but only at own attacks; then falls by 1 |
| weaken | actions | takes 1.5 times the damage |
| stun | 1 | skips the next action |
| slow | actions | takes 1.5 times as long for an action |
| confusion | attacks | may strike itself instead, one time in two |
| pierce | attacks | ignores the armour of the other side |
| fortify | strength | has more armour for the fight |
| shield | hits | takes half the damage of each |
| roll_penalty | attacks | subtracts 3 from the die |
| mark | 1 | takes 1.5 times the damage of the next hit |

The damage or armour of one point of burn, acid, bleed or fortify grows with the level of the fight
(`tables.STATUS_DAMAGE`, `tables.FORTIFY`).

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from collections.abc import Sequence

from dungeonfighter.rules import tables
from dungeonfighter.rules.state import Status

POISON = int(Status.poison)
BURN = int(Status.burn)
ACID = int(Status.acid)
BLEED = int(Status.bleed)
WEAKEN = int(Status.weaken)
STUN = int(Status.stun)
SLOW = int(Status.slow)
CONFUSION = int(Status.confusion)
PIERCE = int(Status.pierce)
FORTIFY = int(Status.fortify)
SHIELD = int(Status.shield)
ROLL_PENALTY = int(Status.roll_penalty)
MARK = int(Status.mark)

BAD = (POISON, BURN, ACID, BLEED, WEAKEN, STUN, SLOW, CONFUSION, ROLL_PENALTY, MARK)
CLEAN = [0] * len(Status)
"""No status at all, the common case: one comparison with it takes 60 ns, five look-ups 150 ns."""


def inflict(statuses: list[int], status: int, amount: int, undead: bool = False) -> int:
    """Put a status on a fighter; return the amount put (0: immune).

    Strengths add up; of two durations the longer one stays. The cap of the status limits both.
    """
    if undead and status in (POISON, BLEED):
        return 0
    now, cap = statuses[status], tables.STATUS_CAP[status]
    after = now + amount if tables.STATUS_ADDS[status] else now if now > amount else amount
    statuses[status] = after if after < cap else cap
    return amount


def lengthened(status: int, amount: int, more: int) -> int:
    """Return the amount that a hero inflicts, with the bonus `more` of INT and talents where it applies."""
    return amount + more if tables.STATUS_LENGTHENED[status] else amount


def apply(statuses: list[int], health_max: int, weight: int, attacks: bool) -> tuple[int, int]:
    """Apply the statuses of a fighter that is about to act: fade them and return their cost.

    Args:
        statuses: Changed in place: burn, acid and bleed fall by one where they count.
        health_max: The fighter's maximum health.
        weight: Damage of one point of burn or bleed; acid does half.
        attacks: True if the action is an attack; bleed counts only then.

    Returns:
        The damage, and the points of armour lost to acid.
    """
    damage = statuses[POISON] * health_max * tables.POISON // 1000
    corroded = 0
    burn, acid, bleed = statuses[BURN], statuses[ACID], statuses[BLEED]
    if burn:
        damage += burn * weight
        statuses[BURN] = burn - 1
    if acid:
        damage += acid * weight // 2
        corroded = acid
        statuses[ACID] = acid - 1
    if bleed and attacks:
        damage += bleed * weight
        statuses[BLEED] = bleed - 1
    return damage, corroded


def fade(statuses: list[int]) -> None:
    """Lower weaken and slow, which count actions, by one after an action of the bearer."""
    if statuses[WEAKEN]:
        statuses[WEAKEN] -= 1
    if statuses[SLOW]:
        statuses[SLOW] -= 1


def taken(statuses: list[int], damage: int) -> int:
    """Return the damage after the victim's weaken, mark and shield; use up the mark and one shield."""
    if statuses[WEAKEN]:
        damage = damage * tables.WEAKENED // 1000
    if statuses[MARK]:
        damage = damage * tables.MARKED // 1000
        statuses[MARK] = 0
    if statuses[SHIELD]:
        damage = damage * tables.SHIELDED // 1000
        statuses[SHIELD] -= 1
    return damage


def expected(statuses: Sequence[int], damage: int) -> int:
    """Return the result of `taken` without changing the statuses."""
    if statuses[WEAKEN]:
        damage = damage * tables.WEAKENED // 1000
    if statuses[MARK]:
        damage = damage * tables.MARKED // 1000
    if statuses[SHIELD]:
        damage = damage * tables.SHIELDED // 1000
    return damage


def clear(statuses: list[int], which: tuple[int, ...] = BAD) -> None:
    for status in which:
        statuses[status] = 0
