"""The times of the next actions in a fight, if the hero now attacks plainly and nothing else interferes.

A critical miss, the length of a strip action, an interruption, and a new stun or slow change these times.
`statuses_then` says what is left of the hero's statuses when the enemy acts.

Source: docs/rules.md, "A fight".
"""

from __future__ import annotations

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting.statuses import ACID, SLOW, STUN, WEAKEN
from dungeonfighter.rules.state import Fight, Hero
from dungeonfighter.rules.talents import Perk


def hero_acts_in(fight: Fight, period: int) -> int:
    """Return the time until the hero's action after this one; `period` is that of a plain attack."""
    return period * tables.SLOWED // 1000 if fight.hero.statuses[SLOW] else period


def goods_time(cat: Catalogue, hero: Hero, fight: Fight) -> int:
    """Return the time until the hero's action after a potion, if nothing else interferes."""
    length = hero.figures.perks[Perk.quick_hands] or cat.consumables[cat.consumable_at[5]].length
    return hero_acts_in(fight, hero.figures.period * length // 1000)


def enemy_acts_in(fight: Fight) -> int:
    """Return the time until the shown action; a stunned enemy skips once and acts a period later."""
    enemy = fight.enemy
    wait = enemy.next_at - fight.hero.next_at
    own = enemy.statuses
    if own[STUN]:
        wait += fight.period * tables.SLOWED // 1000 if own[SLOW] else fight.period
    return wait if wait > 0 else 0


def enemy_acts_then_in(fight: Fight, intent: int) -> int:
    """Return the time until the action after the shown one; `intent` -1 stands for one of ordinary length."""
    wait = fight.period * tables.INTENT_LENGTH[intent] // 1000 if intent >= 0 else fight.period
    if fight.enemy.statuses[SLOW]:
        wait = wait * tables.SLOWED // 1000
    return enemy_acts_in(fight) + wait


def statuses_then(fight: Fight, period: int) -> tuple[bool, int]:
    """Return True if the hero is still weak when the enemy acts, and the armour that acid takes until then.

    Both change with each own action of the hero, and the hero acts at least once before the enemy.
    """
    own = fight.hero.statuses
    weaken, acid, slow = own[WEAKEN], own[ACID], own[SLOW]
    wait = enemy_acts_in(fight)
    time = corroded = 0
    while time <= wait and (weaken or acid):
        time += period * tables.SLOWED // 1000 if slow else period
        slow -= slow > 0
        weaken -= weaken > 0
        corroded += acid
        acid -= acid > 0
    armour = fight.hero_armour
    return weaken > 0, corroded if corroded < armour else armour
