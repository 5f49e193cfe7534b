"""The typed snapshot of one state, as a bot sees it. `text_view` makes the text view.

Both views are pure functions of the state, so any replica repeats the same answer. Both show only what the
hero knows: a dark door shows nothing, no view shows the dice, and none shows the seed of a live ranked run.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec.msgpack import encode

from dungeonfighter import limits
from dungeonfighter.rules import log, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import Consumable, HeroAction
from dungeonfighter.rules.character import hero, loot, prices
from dungeonfighter.rules.inputs import item_input
from dungeonfighter.rules.journey.world import (
    allowance_left,
    gathered,
    is_cleared,
    resumed,
    stirring,
    turns_left,
)
from dungeonfighter.rules.state import (
    Dungeon,
    Fight,
    Hero,
    Item,
    Mode,
    Offer,
    Phase,
    RoomKind,
    RoomPhase,
    Slot,
    Stance,
    State,
    Weapon,
)
from dungeonfighter.rules.views import actions, classes, details, event_words, forecast, item_lines, labels
from dungeonfighter.rules.views.combat_view import combat_view, status_views
from dungeonfighter.rules.views.comparison import Change, Comparison
from dungeonfighter.rules.views.conditions import hardships
from dungeonfighter.rules.views.door_words import clear_worth
from dungeonfighter.rules.views.observation import (
    ActionView,
    Choice,
    ConsumableView,
    DoorView,
    DungeonView,
    ItemView,
    Observation,
    OfferView,
    PlayerView,
    RoomView,
)
from dungeonfighter.rules.views.sentences import sentence
from dungeonfighter.rules.views.text_view import TextRules
from dungeonfighter.rules.views.tones import tones

_ATTACK = int(Stance.attack)
_COMBAT = int(Phase.Combat)
_DAILY = int(Mode.daily)
_GAME_LOOP = int(Phase.GameLoop)
_DUNGEON_SELECTION = int(Phase.DungeonSelection)
_LEVEL_UP = int(Phase.LevelUp)
_WEAPON = int(Slot.weapon)
_WEAPON_SELECTION = int(Phase.WeaponSelection)
_DUNGEON = int(Phase.Dungeon)
_INVENTORY = int(Phase.Inventory)
_CLEARED = int(RoomPhase.cleared)
_OFFER = int(RoomPhase.offer)
_MERCHANT = int(RoomKind.merchant)

_FOUGHT_IN: Final = (_COMBAT, int(Phase.Death))
"""The phases in which the room is not cleared, because its fight goes on or the hero died in it."""
FIGHT: Final = "fight"

ITEM_VIEWS_MAX: Final = 4096
"""The greatest number of bag item views that the cache keeps; beyond that it evicts all of them."""
_NO_CHANGE: Final = Change(0, 0, 0, 0, 0, "")


class SnapshotRules(TextRules, Protocol):
    """The part of `Rules` that the snapshot needs."""

    @property
    def identity(self) -> str: ...
    def legal_inputs(self, state: State) -> tuple[Choice, ...]: ...
    def encode(self, state: State) -> bytes: ...
    def digest(self, raw: bytes) -> bytes: ...


def observe(rules: SnapshotRules, state: State, *, briefly: bool = False) -> Observation:
    """Return the full snapshot: everything the hero knows and nothing it cannot know.

    A brief call costs some 70 us, a whole one 200 to 300 us, most of it for the words and figures of the
    inputs and of the items. The text view is cheaper.

    Args:
        rules: The rules of the run.
        state: The state to show.
        briefly: Leave out what no policy of `bots` reads at this moment, for a third of the work: worn items
            outside fights, sentences, words of actions; the bag, the known actions and the wares where they
            are of no use; the labels that only a person needs; the digest, except at the choice of the
            weapon.
    """
    cat = rules.catalogue
    comparison = Comparison(cat, state.hero)
    in_fight = state.fight if state.phase == _COMBAT else None
    dungeon = state.dungeon
    legal = rules.legal_inputs(state)
    events = log.recent(state)[-limits.recent_output_max :]
    view = Observation(
        turn=state.turn,
        digest=""
        if briefly and state.phase != _WEAPON_SELECTION
        else rules.digest(rules.encode(state)).hex(),
        rules=rules.identity,
        seed=None if state.ranked and (not state.over or state.mode == _DAILY) else state.seed,
        mode=Mode(state.mode).name,
        turns_left=turns_left(state),
        score=rules.score(state) / 100,
        is_over=state.over,
        current_state=Phase(state.phase).name,
        player=_player(cat, state, comparison, in_fight, briefly=briefly),
        current_dungeon=None if dungeon is None else _dungeon(cat, dungeon),
        current_room=None if dungeon is None else _room(cat, state, dungeon, comparison, legal),
        combat=None if in_fight is None else combat_view(cat, state, in_fight, briefly=briefly),
        dungeons=_offers(cat, state) if state.phase in (_GAME_LOOP, _DUNGEON_SELECTION) else [],
        talents=details.talents(cat, state.talent_offer) if state.phase == _LEVEL_UP else [],
        shop=[]
        if briefly and state.phase != _GAME_LOOP
        else [_item(cat, comparison, item, 0, prices.item(state.hero, item)) for item in state.world.shop],
        available_actions=list(legal)
        if briefly and not _offers_trades(state)
        else [labels.rich(cat, state, comparison, c) for c in legal],
        recent_output=[] if briefly else [sentence(cat, event) for event in events],
        allowance_left=max(0, allowance_left(state)),
        stirring=stirring(state) // 10,
        road=event_words.road_text(cat, state),
        recent_new=min(len(state.log) - state.turn_start, limits.recent_output_max),
        recent_tones=tones(cat, events),
        ascension=state.ascension,
        hardships=hardships(cat, state),
    )
    return view if briefly else details.detailed(cat, state, view)


def _offers_trades(state: State) -> bool:
    """Return True where a policy reads the labels of the inputs: at an offer, and at an event of the road."""
    if state.world.road:
        return True
    return state.dungeon is not None and state.phase == _DUNGEON and state.dungeon.phase == _OFFER


def _handles_items(state: State) -> bool:
    """Return True where the hero can wear or trade items and order the strip."""
    if state.phase == _DUNGEON:
        return state.dungeon is not None and state.dungeon.phase == _CLEARED
    return state.phase in (_GAME_LOOP, _INVENTORY)


def _player(
    cat: Catalogue, state: State, comparison: Comparison, fight: Fight | None, *, briefly: bool
) -> PlayerView:
    handles = not briefly or _handles_items(state)
    someone = state.hero
    figures = someone.figures
    armed = someone.kind >= 0
    hit, combo, critical = forecast.thresholds(cat, someone, fight)
    return PlayerView(
        name=someone.name,
        hero_class=classes.CLASSES[someone.kind] if armed else "",
        weapon_kind=Weapon(someone.kind).name if armed else "",
        level=someone.level,
        xp=someone.xp,
        xp_next=tables.xp_next(someone.level),
        health=max(0, someone.health),
        health_max=figures.health_max,
        strength=someone.stats[0],
        agility=someone.stats[1],
        technique=someone.stats[2],
        intelligence=someone.stats[3],
        class_points={
            classes.CLASSES[kind]: points for kind, points in enumerate(someone.class_points) if points
        },
        gold=someone.gold,
        scars=someone.scars,
        damage=figures.damage,
        armour=figures.armour if fight is None else fight.hero_armour,
        potions=_count(someone, cat.consumable_at[5]),
        talents=[cat.talents[number].name for number in someone.talents],
        strip=[cat.actions[number].name for number in someone.strip],
        actions=_actions(cat, someone, briefly=briefly) if handles else [],
        worn=[] if briefly and fight is None else _worn(cat, someone),
        bag=_bag(cat, someone, comparison) if handles else [],
        consumables=_consumables(cat, someone),
        statuses=[]
        if fight is None
        else status_views(fight.hero.statuses, fight, figures.health_max, briefly=briefly),
        hit_at=hit,
        combo_at=combo,
        critical_at=critical,
        period=figures.period,
        amplification=figures.amp,
        strip_slots=figures.slots,
        potions_max=hero.potions_max(someone) if armed else tables.POTIONS_MAX,
        talent_texts=[] if briefly else [cat.talents[number].text for number in someone.talents],
        strip_texts=[]
        if briefly
        else [actions.placed(cat, someone.strip, slot) for slot in range(len(someone.strip))],
    )


def _count(someone: Hero, number: int) -> int:
    return someone.consumables[number] if number < len(someone.consumables) else 0


def _actions(cat: Catalogue, someone: Hero, *, briefly: bool) -> list[ActionView]:
    return [
        ActionView(
            place,
            cat.actions[number].name,
            "" if briefly else _effect(cat.actions[number]),
            number in someone.strip,
        )
        for place, number in enumerate(someone.figures.known)
    ]


def _effect(row: HeroAction) -> str:
    return f"{row.text} ({actions.figures(row)})"


def _consumables(cat: Catalogue, someone: Hero) -> list[ConsumableView]:
    return [
        ConsumableView(row.name, someone.consumables[number], _input_of(row, number), row.text)
        for number, row in enumerate(cat.consumables)
        if _count(someone, number)
    ]


def _input_of(row: Consumable, number: int) -> str:
    if row.effect == "rest":
        return "3"
    return str(row.input) if row.input else item_input(number)


_WORN: Final = b"worn"
_known_views: dict[tuple[bytes, bytes, int, str], ItemView] = {}
"""A cache of the views of bag items, by wearer, item, place and catalogue.

A view stays the same until its wearer or item changes. Without the cache these views took three quarters of
an observation's time.
"""


def _worn(cat: Catalogue, someone: Hero) -> list[ItemView]:
    views = []
    for item in someone.worn:
        if item is not None:
            key = (_WORN, encode(item), 0, cat.identity)
            view = _known_views.get(key)
            if view is None:
                view = _known_views[key] = _item(cat, None, item, 0)
            views.append(view)
    return views


def _bag(cat: Catalogue, someone: Hero, comparison: Comparison) -> list[ItemView]:
    if not someone.bag:
        return []
    if len(_known_views) > ITEM_VIEWS_MAX:
        _known_views.clear()
    wearer = encode(
        (someone.kind, someone.level, someone.stats, someone.scars, someone.talents, someone.worn)
    )
    wearer += encode(someone.class_points)
    views = []
    for place, item in enumerate(someone.bag, 1):
        key = (wearer, encode(item), place, cat.identity)
        view = _known_views.get(key)
        if view is None:
            view = _known_views[key] = _item(cat, comparison, item, place)
        views.append(view)
    return views


def _item(cat: Catalogue, comparison: Comparison | None, item: Item, number: int, price: int = 0) -> ItemView:
    base = cat.items[item.base]
    change, exchanged = _NO_CHANGE, ""
    if comparison is not None:
        change = comparison.change(item)
        exchanged = item_lines.grants(cat, comparison.hero, item, briefly=True)
    weapon = cat.item_slot[item.base] == _WEAPON
    return ItemView(
        number=number,
        name=loot.name(cat, item),
        slot=base.slot,
        kind=base.weapon,
        rarity=loot.RARITIES[item.rarity],
        level=item.level,
        damage=item.value if weapon else 0,
        armour=0 if weapon else item.value,
        affixes=loot.affix_texts(cat, item),
        actions=[cat.actions[action].name for action in item.actions],
        change=f"{change.text}{exchanged}",
        damage_change=change.damage,
        armour_change=change.armour,
        health_change=change.health,
        score_change=change.score,
        price=price,
        drop_gold=prices.dropped(comparison.hero, item) if comparison is not None and number else 0,
    )


def _dungeon(cat: Catalogue, dungeon: Dungeon) -> DungeonView:
    theme = cat.themes[dungeon.theme]
    return DungeonView(
        name=labels.dungeon_name(cat, dungeon.theme, dungeon.name),
        theme=theme.name,
        level=dungeon.level,
        rooms=dungeon.rooms,
        room=dungeon.room,
        boss=dungeon.boss,
        guardian_grown=gathered(dungeon) // 10,
    )


def _room(
    cat: Catalogue, state: State, dungeon: Dungeon, comparison: Comparison, legal: Sequence[Choice]
) -> RoomView:
    doors = [
        DoorView(n, *labels.door(cat, state.hero, dungeon, door)) for n, door in enumerate(dungeon.doors, 1)
    ]
    entered = dungeon.room > 0
    cleared = state.phase == _DUNGEON and dungeon.phase == _CLEARED
    inputs = {choice.input for choice in legal} if cleared else set()
    return RoomView(
        kind=RoomKind(dungeon.kind).name if entered else "",
        name=cat.place_rows[dungeon.place].name if entered else "",
        phase=FIGHT if state.phase in _FOUGHT_IN else RoomPhase(dungeon.phase).name,
        doors=doors,
        can_rest="3" in inputs,
        can_search="2" in inputs,
        last=dungeon.room >= dungeon.rooms,
        text=labels.room_text(cat, state, dungeon),
        stock=[
            _item(cat, comparison, item, 0, prices.item(state.hero, item) if dungeon.kind == _MERCHANT else 0)
            for item in dungeon.stock
        ],
        ahead=[
            DoorView(n, *labels.door(cat, state.hero, dungeon, door, ahead=True))
            for n, door in enumerate(dungeon.ahead, 1)
        ],
    )


def _offers(cat: Catalogue, state: State) -> list[OfferView]:
    return [_offer(cat, state, number, offer) for number, offer in enumerate(state.world.offers, 1)]


def _offer(cat: Catalogue, state: State, number: int, offer: Offer) -> OfferView:
    first, gained, gold = clear_worth(cat, state, offer)
    enemies = [cat.enemies[enemy] for enemy in offer.enemies]
    return OfferView(
        number=number,
        name=labels.dungeon_name(cat, offer.theme, offer.name),
        theme=cat.themes[offer.theme].name,
        level=offer.level,
        rooms=tables.rooms_of(offer.level),
        boss=offer.boss,
        cleared=is_cleared(state.world, offer.level),
        enemies=[row.name for row in enemies],
        reward=labels.reward(state, offer),
        resumes_at=0 if (held := resumed(state.world, offer)) is None else max(1, held.room),
        guardian_grown=0 if held is None else gathered(held) // 10,
        kinds=[row.archetype for row in enemies],
        first_clear=first,
        xp=gained,
        gold=gold,
    )
