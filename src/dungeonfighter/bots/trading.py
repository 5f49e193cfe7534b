"""The heuristic's trades: merchants, treasures, rest rooms, the hub's wares, five items for one."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from dungeonfighter.bots import bargains, chores
from dungeonfighter.rules import tables
from dungeonfighter.rules.views.observation import ItemView, Observation

WORTH_BUYING: Final = 15
"""The permille of fighting strength that an item on sale must add."""
TRADED: Final = 5
KEPT_GOLD: Final = (60, 25)
"""The gold that it keeps when it asks for other wares: a sum, and more for each level."""
_RARITIES: Final = ("Common", "Uncommon", "Rare", "Epic", "Legendary")
"""The rarities that a trade accepts."""
_GOODS: Final = (("5", "potions"), ("8", "bomb"), ("9", "rest"))
"""The inputs at the hub that buy a consumable, and the skill that uses it."""


def answer_offer(o: Observation, legal: frozenset[str]) -> str:
    """Return the best answer to the offer of a room; 1 is always the safe one."""
    room = o.current_room
    kind = room.kind if room else ""
    if kind == "merchant":
        return _at_merchant(o, legal)
    if kind in ("shrine", "trap"):
        return bargains.best_option(o)
    if kind == "elite" and room is not None:
        return _best_of(room.stock)
    if kind == "treasure" and room is not None:
        return _at_treasure(o, room.stock)
    if kind == "rest" and chores.health_share(o) > 0.75:
        return "3" if "3" in legal else "2"
    return "1"


def buy_goods(legal: frozenset[str], without: frozenset[str]) -> str | None:
    return next((text for text, skill in _GOODS if text in legal and skill not in without), None)


def at_hub(o: Observation, legal: frozenset[str]) -> str | None:
    """Return an input that buys the item on sale, opens a trade of five, or asks for new wares; else None."""
    if "6" in legal and o.shop and o.shop[0].score_change >= WORTH_BUYING:
        return "6"
    if "2" in legal and trade_up(o):
        return "2"
    kept, each = KEPT_GOLD
    if "7" in legal and o.player.gold > kept + each * o.player.level:
        return "7"
    return None


def trade_up(o: Observation) -> str | None:
    """Return `trade ...` with five bag items of one rarity that would not strengthen the hero, or None.

    A hero who cannot pay is offered no trade, and cannot pay for dearer items than those of the example.
    """
    by_rarity: defaultdict[str, list[ItemView]] = defaultdict(list)
    for item in o.player.bag:
        if item.score_change <= 0 and item.rarity in _RARITIES:
            by_rarity[item.rarity].append(item)
    for rarity, items in by_rarity.items():
        if len(items) >= TRADED:
            worst = sorted(items, key=lambda item: (item.score_change, item.number))[:TRADED]
            if _trade_price(o, worst, rarity) <= o.player.gold:
                return "trade " + ",".join(str(number) for number in sorted(item.number for item in worst))
    return None


def _trade_price(o: Observation, given: list[ItemView], rarity: str) -> int:
    """Return the price of docs/rules.md, "Items": half the price of one item of the mean level."""
    level = sum(item.level for item in given) // len(given)
    price = (20 + 10 * level) * (2 + _RARITIES.index(rarity)) // 4
    return price * 500 // 1000 if "Haggler" in o.player.talents else price


def _best_of(stock: list[ItemView]) -> str:
    return str(max(range(len(stock)), key=lambda place: (stock[place].score_change, -place)) + 1)


def _at_treasure(o: Observation, stock: list[ItemView]) -> str:
    """Fight for the guarded item with health to spare, or force the lock with technique."""
    share = chores.health_share(o)
    if len(stock) < 3:
        return "1"
    if share > 0.55 and _dares_fight(o) and stock[2].score_change > stock[0].score_change:
        return "3"
    if o.player.technique >= 16 and share > 0.5 and stock[1].score_change > stock[0].score_change:
        return "2"
    return "1"


def _dares_fight(o: Observation) -> bool:
    """Return True if the hero stands a heavy attack of an ordinary enemy of this dungeon."""
    level = o.current_dungeon.level if o.current_dungeon else 1
    heavy = 2.2 * tables.ENEMY_DAMAGE[level] * (1 + o.stirring / 100) - o.player.armour
    return heavy < 0.7 * o.player.health


def _at_merchant(o: Observation, legal: frozenset[str]) -> str:
    room = o.current_room
    assert room is not None
    wanted = [
        (item.score_change, str(place))
        for place, item in enumerate(room.stock, 2)
        if str(place) in legal and item.score_change >= WORTH_BUYING
    ]
    if "4" in legal and o.player.potions < o.player.potions_max:
        return "4"
    if wanted:
        return max(wanted)[1]
    return "5" if "5" in legal else "1"
