"""Checks of unique items, of bonuses under a condition, and of what consumables do.

Every function yields its problems as texts that name file, row and remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dungeonfighter.rules.bonuses import KINDS, PERK, PERKS, RELIC, RELICS, WHENS
from dungeonfighter.rules.catalog.model import AFFIX_STATS, Affix, BaseItem, Consumable, Content

POWER_CHARS_MAX: Final = 64
WORTH_MIN: Final = 500
WORTH_MAX: Final = 1500
CONDITIONAL: Final = KINDS[:PERK]
"""The stats that count under a condition."""
STATS: Final = (*AFFIX_STATS, *KINDS[:RELIC])
"""The stats of an affix."""
INSTEAD: Final = ("opening", "cleanse", "luck", "interrupt", "escape")
"""The effects of a consumable that no input of its own has."""


def problems(content: Content) -> Iterator[str]:
    for number, item in enumerate(content.items):
        for problem in _item(item):
            yield f"items.json row {number + 1} ({item.id}): {problem}"
    for number, affix in enumerate(content.affixes):
        for problem in _affix(affix):
            yield f"affixes.json row {number + 1} ({affix.id}): {problem}"
    for number, good in enumerate(content.consumables):
        for problem in _consumable(good):
            yield f"consumables.json row {number + 1} ({good.id}): {problem}"


def _item(item: BaseItem) -> Iterator[str]:
    if not item.power:
        if item.relic or item.stat or item.when or item.bonus or item.amount or item.worth != 1000:
            yield "only a unique item, which says its power, has relic, stat, when, bonus, amount or worth"
        return
    if len(item.power) > POWER_CHARS_MAX or not item.power.isascii():
        yield f"power must be plain text of at most {POWER_CHARS_MAX} characters"
    if not item.relic and not item.stat:
        yield "a unique item needs a relic or a stat"
    if item.relic and item.relic not in RELICS:
        yield f"relic '{item.relic}' is not one of {', '.join(RELICS)}"
    if item.stat and (item.stat not in CONDITIONAL or item.when not in WHENS or not item.bonus):
        yield f"stat must be of {', '.join(CONDITIONAL)}, with a bonus, and when of {', '.join(WHENS)}"
    if not WORTH_MIN <= item.worth <= WORTH_MAX:
        yield f"worth must be {WORTH_MIN} to {WORTH_MAX}"


def _affix(affix: Affix) -> Iterator[str]:
    if affix.stat not in STATS:
        yield f"stat must be of {', '.join(STATS)}"
    if (affix.stat in CONDITIONAL) != (affix.when in WHENS):
        yield f"when must be of {', '.join(WHENS)} for {', '.join(CONDITIONAL)}, else empty"
    if (affix.stat == KINDS[PERK]) != (affix.perk in PERKS):
        yield f"perk must be of {', '.join(PERKS)} for the stat perk, else empty"


def _consumable(good: Consumable) -> Iterator[str]:
    if good.effect in INSTEAD and good.input:
        yield f"an effect of {', '.join(INSTEAD)} has no input of its own"
    if not 0 <= good.length <= 1000:
        yield "length must be 0 to 1000"
