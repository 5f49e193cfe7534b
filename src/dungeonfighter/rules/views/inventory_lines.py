"""The lines of the inventory: the hero's figures, what is worn, the bag, the strip.

Of the bag only items that make the hero no weaker have a line. One line counts the others by rarity, with
their numbers for `drop`, `trade` and `equip`. Of the known actions those of the strip are listed, and the
best of the others where it may be better. An input that lacks its number costs no turn, and its refusal has
the whole: `equip` and `drop` all items of the bag, `unequip` all worn ones, `strip` all actions, `item` all
consumables, `talents` all talents.

Source: docs/tools.md, "Views"; docs/rules.md, "Items".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot, prices
from dungeonfighter.rules.character.hero import bounds
from dungeonfighter.rules.state import Hero, Item, Slot
from dungeonfighter.rules.views import actions, item_lines
from dungeonfighter.rules.views.classes import STATS
from dungeonfighter.rules.views.comparison import Comparison


def inventory_lines(cat: Catalogue, hero: Hero, comparison: Comparison, found: int) -> list[str]:
    """Return the lines of the inventory.

    Args:
        found: The items at the end of the bag that have a line of their own, because they are new.
    """
    lines = [_figures(hero), _worn(cat, hero), *_bag(cat, hero, comparison, found)]
    lines += _strip(cat, hero)
    if hero.talents:
        lines[-1] += "; `talents`"
    return lines


def _figures(hero: Hero) -> str:
    """Return the hero's figures: stats without gear, and the lowest rolls that hit, combo, are critical."""
    f = hero.figures
    stats = " ".join(f"{name} {have}" for name, have in zip(STATS, hero.stats, strict=True))
    rolls = "/".join(map(str, bounds(f.hit, f.combo, f.crit)))
    return f"{stats}; damage {f.damage}, armour {f.armour}, rolls {rolls}, {f.period / 1000:.1f} s"


def _worn(cat: Catalogue, hero: Hero) -> str:
    worn = [f"{cat.items[item.base].name} L{item.level}" for item in hero.worn if item is not None]
    return f"Worn: {', '.join(worn) or 'nothing'}"


def _bag(cat: Catalogue, hero: Hero, comparison: Comparison, found: int) -> Iterator[str]:
    worse: dict[int, list[str]] = {}
    old = len(hero.bag) - found
    for place, item in enumerate(hero.bag, 1):
        if comparison.score(comparison.wearing(item)) < 0:
            worse.setdefault(item.rarity, []).append(str(place))
        elif place <= old:
            yield f"{place} {item_lines.bagged(cat, hero, item, comparison)}"
    if worse:
        groups = [f"{loot.RARITIES[rarity]} {' '.join(words)}" for rarity, words in sorted(worse.items())]
        yield f"Worse overall: {', '.join(groups)}"


def _strip(cat: Catalogue, hero: Hero) -> list[str]:
    known, strip, slots = hero.figures.known, hero.strip, hero.figures.slots
    own = "; ".join([f"{known.index(n)} {actions.placed(cat, strip, slot)}" for slot, n in enumerate(strip)])
    free = slots - len(strip)
    set_up = " (+ set up)" if any(cat.action_sets_up[n] for n in strip[:-1]) else ""
    lines = [f"Strip {len(strip)}/{slots}{set_up}: {own}"]
    others = [n for n in known if n not in strip]
    if not others:
        return lines
    best = max(others, key=lambda n: cat.action_worth[n])
    chosen = [cat.action_worth[n] for n in strip if n != cat.basic[hero.kind]]  # the basic action must stay
    if not free and cat.action_worth[best] <= min(chosen, default=cat.action_worth[best]):
        return [f"{lines[0]}; {len(others)} more: `strip`"]
    more = f"; {len(others) - 1} more: `strip`" if len(others) > 1 else ""
    return [*lines, f"Others: {known.index(best)} {actions.listed(cat, best)}{more}"]


def all_worn(cat: Catalogue, hero: Hero) -> str:
    """Return all worn items with what they give."""
    worn = [(Slot(slot), item) for slot, item in enumerate(hero.worn) if item is not None]
    return "; ".join([f"{slot.name}: {_whole(cat, item)}" for slot, item in worn])


def all_items(cat: Catalogue, hero: Hero, *, scrap: bool = False) -> str:
    """Return all items of the bag: what each gives, and what wearing it would change.

    Args:
        scrap: Tell the gold for dropping each, too.
    """
    comparison = Comparison(cat, hero)
    return "; ".join([
        f"{place} {_whole(cat, item)}{f', drop: {prices.dropped(hero, item)} gold' if scrap else ''}, "
        f"{item_lines.overall(comparison.change(item).score)}: "
        f"{comparison.text(item)}{item_lines.grants(cat, hero, item, briefly=True)}"
        for place, item in enumerate(hero.bag, 1)
    ])  # fmt: skip


def all_goods(cat: Catalogue, hero: Hero) -> str:
    """Return the consumables that the hero carries, with their effects."""
    return "; ".join([
        f"{number + 1} {row.name} x{count}: {row.text}"
        for number, (row, count) in enumerate(zip(cat.consumables, hero.consumables, strict=True))
        if count
    ])  # fmt: skip


def all_talents(cat: Catalogue, hero: Hero) -> str:
    """Return the hero's talents with what they do."""
    rows = [cat.talents[number] for number in hero.talents]
    return "; ".join([f"{row.name}: {row.text}" for row in rows])


def all_actions(cat: Catalogue, known: Sequence[int]) -> str:
    """Return all known actions with their numbers and figures."""
    return "; ".join([f"{place} {actions.listed(cat, n)}" for place, n in enumerate(known)])


def _whole(cat: Catalogue, item: Item) -> str:
    value = f"{'damage' if cat.items[item.base].weapon else 'armour'} {item.value}"
    granted = [f"grants {actions.listed(cat, action)}" for action in item.actions]
    return ", ".join([item_lines.graded(cat, item), value, *loot.affix_texts(cat, item), *granted])
