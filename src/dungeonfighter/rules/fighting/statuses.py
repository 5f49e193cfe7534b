"""The thirteen statuses: how they are put on, what they do when the victim acts, how they fade.

| status | its number is | effect |
|---|---|---|
| poison | stacks | 1 % of maximum health each, at every own action; stays until cleared |
| burn | strength | so much damage at every own action, then 1 less |
| acid | strength | half that damage, and as much armour is eaten for the fight; then 1 less |
| bleed | strength | damage like burn, but only when the victim attacks; holding or drinking stops the flow |
| weaken | actions | takes x1.5 |
| stun | 1 | the next action is skipped |
| slow | actions | what it does takes x1.5 |
| confusion | attacks | each may strike the one who strikes |
| pierce | attacks | the bearer's blows ignore armour |
| fortify | strength | more armour for the fight |
| shield | hits | each halved |
| roll_penalty | attacks | 3 less on the die |
| mark | 1 | the next hit taken is x1.5 |

A point of burn, acid, bleed or fortify weighs more with the level of the fight (`tables.TICK`,
`tables.FORTIFY`).

Source: game.md section 4.
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
"""No status at all, as most fighters stand: comparing with it takes 60 ns, asking for each of five 150."""


def inflict(statuses: list[int], status: int, amount: int, undead: bool = False) -> int:
    """Put a status on a fighter; returns how much was put (0: immune).

    Strengths add up, of durations the longer counts, both to the cap of the status.
    """
    if undead and status in (POISON, BLEED):
        return 0
    now, cap = statuses[status], tables.STATUS_CAP[status]
    after = now + amount if tables.STATUS_ADDS[status] else now if now > amount else amount
    statuses[status] = after if after < cap else cap
    return amount


def lengthened(status: int, amount: int, more: int) -> int:
    """What a hero of some INT (or talent) puts on: durations and strengths grow, one-shot statuses do not."""
    return amount + more if tables.STATUS_LENGTHENED[status] else amount


def apply(statuses: list[int], health_max: int, weight: int, attacks: bool) -> tuple[int, int]:
    """The victim is about to act: what its statuses cost it now.

    Args:
        statuses: Changed in place: what fades, fades by one.
        health_max: Of the victim.
        weight: Damage of one point of burn, acid or bleed.
        attacks: False when the victim holds, drinks or heals: bleeding rests.

    Returns:
        Damage, and armour eaten.
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
    """The bearer has acted: durations counted in actions lose one."""
    if statuses[WEAKEN]:
        statuses[WEAKEN] -= 1
    if statuses[SLOW]:
        statuses[SLOW] -= 1


def taken(statuses: list[int], damage: int) -> int:
    """Damage after the victim's weaken, mark and shield; mark and one shield are used up."""
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
    """`taken` without using anything up."""
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
