"""What the next plain hit of either side would do, as the text view tells it: the sums of `damage` for that
one case.

Every turn of a fight tells both, so each is one pass here: no band, strip or stance to look up, and no copy
of the fight. That takes a third of the instructions of `combat.incoming` and `combat.outgoing` (counted); a
test holds the two ways together.

Source: game.md section 4, "Damage".
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.fighting.statuses import FORTIFY, MARK, PIERCE, SHIELD, WEAKEN, expected
from dungeonfighter.rules.state import Band, Fight, Hero, Intent, Rank, Stance
from dungeonfighter.rules.talents import Perk

_DEFEND = int(Intent.defend)
_HEAVY = int(Intent.heavy)
_NORMAL = int(Rank.normal)
_EXECUTIONER: Final = Perk.executioner
_LAST_STAND: Final = Perk.last_stand
_GIANT_SLAYER: Final = Perk.giant_slayer
_DAMAGE_MIN: Final = tables.DAMAGE_MIN
_FORTIFIES: Final = tables.FORTIFY

_OWN: Final = 1_000_000_000 // (tables.ROLL[Band.hit] * tables.STANCE_DAMAGE[Stance.attack])
_ENEMY: Final = 1_000_000 // tables.ENEMY_ROLL[Band.hit]
"""What damage is divided by after a plain hit: powers of ten both, so that nothing is lost by dividing
once."""


def incoming(cat: Catalogue, hero: Hero, fight: Fight) -> int:
    """`combat.incoming` of a fight that shows a blow."""
    intent = fight.intent
    own = fight.hero.statuses
    blow = fight.damage * tables.INTENT_DAMAGE[intent] // _ENEMY
    if cat.enemy_beats[fight.enemy_kind] == hero.kind:
        blow = blow * tables.WHEEL // 1000
    if fight.guarding:
        blow = blow * (tables.GUARD_HEAVY if intent == _HEAVY else tables.GUARD) // 1000
    if not fight.enemy.statuses[PIERCE]:
        blow -= fight.hero_armour
        if own[FORTIFY]:
            blow -= own[FORTIFY] * _FORTIFIES[fight.level]
    if blow < _DAMAGE_MIN:
        blow = _DAMAGE_MIN
    return expected(own, blow) if own[WEAKEN] or own[MARK] or own[SHIELD] else blow


def outgoing(cat: Catalogue, hero: Hero, fight: Fight) -> int:
    """`combat.outgoing` of a fight."""
    figures = hero.figures
    perks = figures.perks
    suffers = fight.enemy.statuses
    blow = figures.damage * figures.amp // _OWN
    if cat.enemy_beaten_by[fight.enemy_kind] == hero.kind:
        blow = blow * tables.WHEEL // 1000
    if perks[_EXECUTIONER] and fight.health * 1000 < fight.health_max * tables.WOUNDED:
        blow = blow * perks[_EXECUTIONER] // 1000
    if perks[_LAST_STAND] and hero.health * 1000 < figures.health_max * tables.WOUNDED:
        blow = blow * perks[_LAST_STAND] // 1000
    if perks[_GIANT_SLAYER] and fight.rank != _NORMAL:
        blow = blow * perks[_GIANT_SLAYER] // 1000
    if fight.intent == _DEFEND:
        blow = blow * tables.DEFENDED // 1000
    if not fight.hero.statuses[PIERCE]:
        blow -= fight.armour
        if suffers[FORTIFY]:
            blow -= suffers[FORTIFY] * _FORTIFIES[fight.level]
    if blow < _DAMAGE_MIN:
        blow = _DAMAGE_MIN
    return expected(suffers, blow) if suffers[WEAKEN] or suffers[MARK] or suffers[SHIELD] else blow
