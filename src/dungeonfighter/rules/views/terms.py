"""The costs and gains of the inputs outside of fights, and of the rooms behind doors, as named figures.

`labels` has the same in words; a test holds the figures of the words against these. Only the whole JSON view
has them, because no policy of `bots` reads them.

Source: docs/tools.md, "Views"; docs/rules.md, "Dungeons", "Events" and "Inputs".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import EventOption
from dungeonfighter.rules.character import inventory, prices
from dungeonfighter.rules.character.hero import potions_max, rested, search_faces
from dungeonfighter.rules.journey import choices, road, trades, wares
from dungeonfighter.rules.state import Dungeon, Hero, Phase, Rank, RoomKind, RoomPhase, State
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views import event_words
from dungeonfighter.rules.views.amounts import experience, healed
from dungeonfighter.rules.views.classes import STATS
from dungeonfighter.rules.views.door_words import trap_costs
from dungeonfighter.rules.views.figures import Amount, Terms
from dungeonfighter.rules.views.observation import Choice, ClosedChoice

_GOODS: Final = {"5": "potion", "8": "bomb", "9": "ration"}
"""The consumables that inputs of the hub buy."""
_ONE_RATION: Final = [Amount("ration", 1)]
_ONE_SCAR: Final = [Amount("scar", 1)]
_TRIP: Final = Terms(turns=1 + tables.TRAVEL_TURNS)


class Place(NamedTuple):
    """A state, and the wares that are on sale in it by the input that buys each."""

    cat: Catalogue
    state: State
    on_sale: dict[int, wares.Ware]


def place_of(cat: Catalogue, state: State) -> Place:
    if state.phase == Phase.GameLoop:
        return Place(cat, state, wares.at_hub(cat, state))
    dungeon = _offering(state)
    return Place(cat, state, {} if dungeon is None else wares.in_room(cat, state, dungeon))


def _offering(state: State) -> Dungeon | None:
    """Return the dungeon if its room makes an offer that waits for an answer."""
    dungeon = state.dungeon
    if dungeon is None or state.phase != Phase.Dungeon or dungeon.phase != RoomPhase.offer:
        return None
    return dungeon


def of_input(place: Place, choice: Choice) -> Terms | None:
    """Return the terms of a legal input, None if it has none or other fields have them."""
    state = place.state
    verb, _, numbers = choice.input.partition(" ")
    if verb == "wares":
        return Terms(cost=[Amount("gold", prices.reroll(state.hero, state.world, chosen=True))])
    if verb == "trade":
        return Terms(cost=[Amount("gold", inventory.trade_price(state.hero, numbers))])
    terms = _TERMS.get(state.phase)
    return terms(place, int(choice.input)) if terms is not None and choice.input.isdigit() else None


def closed(place: Place) -> list[ClosedChoice]:
    """Return the wares that the hero cannot buy now, and the closed options of an event."""
    cat, state, on_sale = place
    if state.phase == Phase.RegionTravel:
        event = road.event_of(state)
        return _options(cat, state, event, road.level_of(state)) if event >= 0 else []
    dungeon = _offering(state)
    if dungeon is not None and dungeon.kind in (RoomKind.shrine, RoomKind.trap):
        return _options(cat, state, dungeon.offer[0], dungeon.level)
    return [
        ClosedChoice(str(number), ware.name, ware.lack, Terms(cost=[Amount("gold", ware.price)]))
        for number, ware in sorted(on_sale.items())
        if ware.lack
    ]


def _options(cat: Catalogue, state: State, event: int, level: int) -> list[ClosedChoice]:
    return [
        ClosedChoice(
            str(place + 2),
            event_words.option_words(cat, state, event, place, level),
            why,
            _option(state, cat.events[event].kind, option, level),
        )
        for place, option in enumerate(cat.events[event].options)
        if (why := choices.refusal(cat, state, event, place, level))
    ]


def of_room(cat: Catalogue, state: State, dungeon: Dungeon, kind: int) -> Terms | None:
    """Return what a room of this kind gives and costs."""
    hero, level = state.hero, dungeon.level
    if kind in (RoomKind.fight, RoomKind.elite):
        rank = Rank.elite if kind == RoomKind.elite else Rank.normal
        gained = experience(hero, tables.RANK_XP[rank], level) + experience(hero, tables.ROOM_XP, level)
        spoils = [Amount("items", tables.SPOILS), Amount("rarity", tables.RANK_STEPS[rank])]
        return Terms(gain=[Amount("xp", gained), *(spoils if rank == Rank.elite else [])])
    if kind == RoomKind.treasure:
        gold = prices.treasure_gold(hero, level)
        gain = [Amount("gold", gold), Amount("items", tables.SPOILS)]
        return Terms(gain=gain, chance=choices.lock_chance(hero))
    if kind == RoomKind.rest:
        slept = _healed(hero, rested(hero, tables.REST_ROOM))
        gain = [*slept, *_studied(hero, level), *(_ONE_SCAR if hero.scars else [])]
        return Terms(gain=gain, any_of=True)
    if kind == RoomKind.trap:
        chance, least, most = trap_costs(cat, hero, dungeon)
        return Terms(cost=[Amount("health", most)] if most else [], chance=chance, cost_least=least)
    return Terms(gain=[Amount("items", 2), Amount("consumable", 2)]) if kind == RoomKind.merchant else None


def leaving(hero: Hero) -> Terms:
    """Return the terms of leaving a dungeon."""
    free = hero.figures.perks[Perk.escape_artist]
    return Terms(cost=[] if free else _ONE_SCAR, turns=1 + tables.LEAVE_TURNS)


def _healed(hero: Hero, permille: int) -> list[Amount]:
    gain = healed(hero, permille)
    return [Amount("health", gain)] if gain else []


def _studied(hero: Hero, level: int) -> list[Amount]:
    return [Amount("xp", experience(hero, 1000 * tables.STUDY_UNITS, level))]


def _hub(place: Place, number: int) -> Terms | None:
    cat, state, on_sale = place
    hero, text = state.hero, str(number)
    if number == 3:
        return _TRIP
    if number == 4:
        gain = _healed(hero, rested(hero, tables.CAMP))
        has_room = potions_max(hero) > hero.consumables[cat.consumable_at[5]]
        restocked = [Amount("on_sale", tables.CAMP_POTIONS)] if has_room else []
        return Terms(gain=[*gain, *restocked], turns=1 + tables.CAMP_TURNS)
    ware = on_sale.get(number)
    if ware is None:
        return None
    gain = [Amount(_GOODS[text], 1)] if text in _GOODS else []
    return Terms(cost=[Amount("gold", ware.price)], gain=gain)


def _region(place: Place, number: int) -> Terms | None:
    state = place.state
    event = road.event_of(state)
    if event < 0:
        return _TRIP if number else None
    level = road.level_of(state)
    row = place.cat.events[event]
    if number >= 2:
        return _option(state, row.kind, row.options[number - 2], level)
    if not row.cost[0]:
        return None
    chance = choices.chance(tables.TRAVEL_AVOIDS, 0)
    return Terms(cost=_cost(state, row.cost, level), chance=chance)


def _growth(place: Place, number: int) -> Terms | None:
    state = place.state
    if number != len(state.talent_offer) + 1:
        return None
    return Terms(gain=[Amount(STATS[state.hero.kind], tables.TRAINED)])


def _dungeon(place: Place, number: int) -> Terms | None:
    cat, state, _ = place
    dungeon = state.dungeon
    if dungeon is None:
        return None
    if dungeon.phase == RoomPhase.offer:
        return _answer(place, dungeon, number)
    if number == 9:
        return leaving(state.hero)
    if number == 5:
        good = cat.consumable_at[5]
        return Terms(cost=[Amount("potion", 1)], gain=_healed(state.hero, cat.consumables[good].amount))
    return _calm(cat, state, dungeon, number) if dungeon.phase == RoomPhase.cleared else None


def _calm(cat: Catalogue, state: State, dungeon: Dungeon, number: int) -> Terms | None:
    """Return the terms of what the hero can do in a cleared room."""
    hero = state.hero
    if number == 2:
        finds, wakes = search_faces(cat, hero, dungeon.kind)
        return Terms(chance=5 * finds, risk=5 * wakes)
    if number == 3:
        return Terms(cost=_ONE_RATION, gain=_healed(hero, rested(hero, tables.REST)))
    return Terms(cost=_ONE_RATION, gain=[Amount("shield", tables.PREPARED)]) if number == 6 else None


def _answer(place: Place, dungeon: Dungeon, number: int) -> Terms | None:
    """Return the terms of an answer to the offer of a room."""
    cat, state, on_sale = place
    hero = state.hero
    if dungeon.kind in (RoomKind.shrine, RoomKind.trap):
        row = cat.events[dungeon.offer[0]]
        if number >= 2:
            return _option(state, row.kind, row.options[number - 2], dungeon.level)
        if dungeon.kind == RoomKind.shrine:
            return None
        cost = _cost(state, row.cost, dungeon.level, choices.trap_weight(hero))
        return Terms(cost=cost, chance=choices.trap_chance(hero))
    if dungeon.kind == RoomKind.rest:
        slept = _healed(hero, rested(hero, tables.REST_ROOM))
        gains = {1: slept, 2: _studied(hero, dungeon.level), 3: _ONE_SCAR}
        return Terms(gain=gains[number]) if number in gains else None
    if dungeon.kind == RoomKind.treasure:
        gold = Amount("gold", prices.treasure_gold(hero, dungeon.level))
        return _lock(hero, dungeon) if number == 2 else Terms(gain=[gold], risk=100 * (number == 3))
    ware = on_sale.get(number)
    return None if ware is None else Terms(cost=[Amount("gold", ware.price)])


def _lock(hero: Hero, dungeon: Dungeon) -> Terms:
    """Return the terms of the lock; `otherwise` has the gold of one that snaps."""
    lost, spilt = choices.lock_costs(hero, dungeon.level)
    return Terms(
        cost=[Amount("health", lost)],
        gain=[Amount("gold", prices.treasure_gold(hero, dungeon.level))],
        chance=choices.lock_chance(hero),
        otherwise=[Amount("gold", spilt)],
    )


def _option(state: State, kind: str, option: EventOption, level: int) -> Terms:
    gain = _gain(state, option.gain, level)
    if not option.roll:
        return Terms(cost=_cost(state, option.cost, level), gain=gain)
    bonus = choices.bonus(state.hero, option.stat)
    return Terms(
        cost=_cost(state, option.cost, level, choices.spared(state.hero, kind)),
        gain=gain,
        chance=choices.chance(option.roll, bonus),
    )


def _cost(state: State, trade: trades.Trade, level: int, weight: int = 1000) -> list[Amount]:
    """Return the cost of an event; `weight` is the factor in permille on health or gold."""
    what, amount = trade
    if what == "health":
        lost = state.hero.figures.health_max * amount // 1000 * weight // 1000
        return [Amount(what, lost)]
    if what == "gold":
        return [Amount(what, trades.gold_of(level, amount) * weight // 1000)]
    if what == "xp":
        return [Amount(what, tables.unit(level) * amount // 1000)]
    if what == "scar":
        return [Amount(what, amount), Amount("scar_health", tables.SCAR * amount // 10)]
    if what == "status":
        return [Amount("weaken", amount)]
    return _others(what, amount)


def _gain(state: State, trade: trades.Trade, level: int) -> list[Amount]:
    what, amount = trade
    hero = state.hero
    if what == "health":
        return _healed(hero, amount)
    if what == "gold":
        return [Amount(what, trades.gold_of(level, amount))]
    if what == "xp":
        return [Amount(what, experience(hero, amount, level))]
    if what == "stat":
        return [Amount(STATS[hero.kind], amount)]
    if what == "item":
        return [Amount("items", 1), Amount("rarity", amount)]
    return _others({"status": "shield", "time": "stirring", "good": "consumable"}.get(what, what), amount)


def _others(what: str, amount: int) -> list[Amount]:
    if what == "guardian":
        return [Amount(what, tables.GATHER * amount // 10)]
    return [Amount(what, amount)] if what else []


_TERMS: Final[dict[int, Callable[[Place, int], Terms | None]]] = {
    Phase.GameLoop: _hub,
    Phase.Dungeon: _dungeon,
    Phase.RegionTravel: _region,
    Phase.LevelUp: _growth,
}
