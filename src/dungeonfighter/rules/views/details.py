"""The facts that only the whole JSON view has: figures of inputs, actions, talents, doors and wares.

`snapshot` makes the observation that policies read, and `detailed` adds these facts to it, so that a brief
observation does not pay for them.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import HeroAction
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.journey.world import counts, has_repeated, leads_to_last
from dungeonfighter.rules.state import (
    Door,
    Dungeon,
    Fight,
    Hero,
    Item,
    Offer,
    Phase,
    Rank,
    RoomKind,
    State,
    Weapon,
)
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views import actions, item_lines, level_lines, stances, terms
from dungeonfighter.rules.views.classes import CLASSES, STATS, wheel_side
from dungeonfighter.rules.views.figures import ActionEffect, ActionFigures, Terms
from dungeonfighter.rules.views.observation import (
    CombatView,
    DoorView,
    GrowthView,
    ItemView,
    Observation,
    OfferView,
    PlayerView,
    RoomView,
    TalentView,
    WeaponView,
)

ACTIONS_MAX: Final = 512
"""The greatest number of actions whose figures the cache keeps."""
_WHEEL: Final = (tables.WHEEL - 1000) // 10


def detailed(cat: Catalogue, state: State, view: Observation) -> Observation:
    """Return the observation with the facts that no policy of `bots` reads."""
    dungeon, fight = state.dungeon, state.fight
    choices = view.available_actions
    place = terms.place_of(cat, state)
    found = ((choice, terms.of_input(place, choice)) for choice in choices)
    return replace(
        view,
        player=_player(cat, state, view.player),
        current_dungeon=None
        if view.current_dungeon is None or dungeon is None
        else replace(view.current_dungeon, repeat=not counts(state.world, dungeon.level, dungeon.boss)),
        current_room=None
        if view.current_room is None or dungeon is None
        else _room(cat, state, dungeon, view.current_room),
        combat=None if view.combat is None or fight is None else _combat(cat, state.hero, fight, view.combat),
        dungeons=_offers(cat, state, view.dungeons),
        shop=_items(cat, view.shop, state.world.shop),
        available_actions=[c if of is None else replace(c, terms=of) for c, of in found],
        region=cat.regions[state.world.region].name,
        stirring_step=tables.STALE_STEP // 10,
        stirring_turns=tables.STALE_EVERY,
        closed_actions=[] if state.over else terms.closed(place),
        growth=_growth(cat, state.hero) if state.phase == Phase.LevelUp else None,
        repeat=has_repeated(state),
        new_items=min(item_lines.found_now(state), len(state.hero.bag)),
        weapons=_weapons(cat) if state.phase == Phase.WeaponSelection else [],
    )


def talents(cat: Catalogue, numbers: Sequence[int]) -> list[TalentView]:
    rows = [cat.talents[number] for number in numbers]
    return [TalentView(n, row.name, row.text, row.key, row.amount) for n, row in enumerate(rows, 1)]


@lru_cache(ACTIONS_MAX)
def figures(row: HeroAction) -> ActionFigures:
    """Return an action in figures."""
    return ActionFigures(
        name=row.name,
        text=actions.figures(row),
        damage=row.damage,
        hits=row.hits,
        time=row.length,
        opener=row.opener,
        finisher=row.finisher,
        pierce=row.pierce,
        heal=row.heal,
        route=row.route,
        effects=[ActionEffect(e.status, e.amount, e.on, e.who) for e in row.effects],
    )


def _player(cat: Catalogue, state: State, view: PlayerView) -> PlayerView:
    someone = state.hero
    known = [cat.actions[number] for number in someone.figures.known]
    return replace(
        view,
        actions=[
            replace(action, figures=figures(row)) for action, row in zip(view.actions, known, strict=True)
        ],
        worn=_items(cat, view.worn, [item for item in someone.worn if item is not None]),
        bag=_items(cat, view.bag, someone.bag),
    )


def _items(cat: Catalogue, views: Iterable[ItemView], items: Iterable[Item]) -> list[ItemView]:
    return [
        replace(view, granted=[figures(cat.actions[n]) for n in item.actions]) if item.actions else view
        for view, item in zip(views, items, strict=True)
    ]


def _room(cat: Catalogue, state: State, dungeon: Dungeon, view: RoomView) -> RoomView:
    last, last_ahead = leads_to_last(dungeon), leads_to_last(dungeon, ahead=True)
    return replace(
        view,
        doors=[
            _door(cat, state, dungeon, one, door, last)
            for one, door in zip(view.doors, dungeon.doors, strict=True)
        ],
        ahead=[
            _door(cat, state, dungeon, one, door, last_ahead)
            for one, door in zip(view.ahead, dungeon.ahead, strict=True)
        ],
        stock=_items(cat, view.stock, dungeon.stock),
    )


def _door(
    cat: Catalogue, state: State, dungeon: Dungeon, view: DoorView, behind: Door, last: bool
) -> DoorView:
    if not behind.hint:
        return view
    given = terms.of_room(cat, state, dungeon, behind.kind)
    if behind.enemy < 0:
        return replace(view, terms=given)
    row = cat.enemies[behind.enemy]
    rank = Rank.elite if behind.kind == RoomKind.elite else Rank.normal
    if last:
        rank = Rank.boss if dungeon.boss else Rank.guardian
        given = None
    return replace(
        view,
        enemy=row.name,
        archetype=row.archetype,
        rank=rank.name,
        wheel=_wheel(cat, state.hero, behind.enemy),
        terms=given,
    )


def _wheel(cat: Catalogue, hero: Hero, enemy: int) -> int:
    """Return the percent of damage that the class wheel adds, below 0 if it is the enemy's."""
    return _WHEEL * wheel_side(cat, hero, enemy)


def _combat(cat: Catalogue, hero: Hero, fight: Fight, view: CombatView) -> CombatView:
    amount = cat.enemies[fight.enemy_kind].amount if fight.intent_status >= 0 else 0
    return replace(
        view,
        intent_amount=amount,
        critical_from=stances.key(cat, hero, fight)[2],
        bonuses=list(_bonuses(cat, hero, fight.step)),
        braced=bool(hero.figures.perks[Perk.power_armour]),
        changed=fight.low,
        wheel=_wheel(cat, hero, fight.enemy_kind),
        flee_terms=_flight(hero, fight),
    )


def _flight(hero: Hero, fight: Fight) -> Terms | None:
    if fight.rank == Rank.boss:
        return None
    return Terms(turns=1 + tables.SLIP_TURNS) if fight.rank < Rank.guardian else terms.leaving(hero)


def _bonuses(cat: Catalogue, hero: Hero, step: int) -> Iterator[str]:
    """Yield what raises the next action of the strip, by its place there."""
    strip = hero.strip
    slot = step % len(strip)
    row = cat.actions[strip[slot]]
    if row.opener and slot == 0:
        yield "opener"
    if row.finisher and slot and slot == len(strip) - 1:
        yield "finisher"
    if slot and cat.action_sets_up[strip[slot - 1]]:
        yield "set up"


def _offers(cat: Catalogue, state: State, views: Sequence[OfferView]) -> list[OfferView]:
    return [_offer(cat, state, view, offer) for view, offer in zip(views, state.world.offers, strict=False)]


def _offer(cat: Catalogue, state: State, view: OfferView, offer: Offer) -> OfferView:
    boss = cat.boss_of_region[state.world.region] if offer.boss else -1
    return replace(
        view,
        reward_level=loot.reward_level(offer.level, state.hero.level),
        wheels=[_wheel(cat, state.hero, enemy) for enemy in offer.enemies],
        guardian=cat.names["enemy"][boss] if boss >= 0 else "",
        guardian_wheel=_wheel(cat, state.hero, boss) if boss >= 0 else 0,
    )


def _growth(cat: Catalogue, hero: Hero) -> GrowthView:
    return GrowthView(
        stat=STATS[hero.kind],
        stat_gain=tables.STAT_GAIN,
        other_gain=tables.OTHER_GAIN,
        health_gain=tables.HEALTH_PER_LEVEL,
        healed=tables.LEVEL_HEALS // 10,
        slot=level_lines.new_slot(hero),
        learned=[figures(cat.actions[number]) for number in level_lines.learned(cat, hero)],
        words=level_lines.grown(cat, hero),
    )


def _weapons(cat: Catalogue) -> list[WeaponView]:
    rows = [cat.actions[cat.basic[weapon]] for weapon in Weapon]
    return [
        WeaponView(str(n + 1), weapon.name, CLASSES[n], STATS[n], figures(row), row.text)
        for n, (weapon, row) in enumerate(zip(Weapon, rows, strict=True))
    ]
