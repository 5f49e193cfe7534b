"""The function of each input, which changes the state. All take (catalogue, state, argument) and cannot fail.

`verbs` plays the inputs with words or lists.

Source: docs/rules.md, "Inputs".
"""

from __future__ import annotations

from dungeonfighter.rules.catalog.loader import Catalogue
from dungeonfighter.rules.character import inventory, progress
from dungeonfighter.rules.character.hero import heal
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.fighting.common import Result
from dungeonfighter.rules.journey import dungeon, hub, road
from dungeonfighter.rules.lists import changed
from dungeonfighter.rules.state import Ending, Phase, State

_INVENTORY = int(Phase.Inventory)
_DIED = int(Ending.died)
_WON = int(Ending.won)
_GOES_ON = Result.goes_on


def choose_weapon(cat: Catalogue, state: State, kind: int) -> None:
    hub.choose_weapon(cat, state, kind)


def to_phase(cat: Catalogue, state: State, phase: int) -> None:
    state.phase = phase


def to_inventory(cat: Catalogue, state: State, _: int) -> None:
    state.back = state.phase
    state.phase = _INVENTORY


def back(cat: Catalogue, state: State, _: int) -> None:
    state.phase = state.back


def camp(cat: Catalogue, state: State, _: int) -> None:
    hub.camp(cat, state)


def buy_good(cat: Catalogue, state: State, text: int) -> None:
    hub.buy_good(cat, state, text)


def buy_item(cat: Catalogue, state: State, _: int) -> None:
    hub.buy_item(cat, state)


def reroll(cat: Catalogue, state: State, _: int) -> None:
    hub.reroll(cat, state)


def travel(cat: Catalogue, state: State, region: int) -> None:
    road.travel(cat, state, region)


def answer_road(cat: Catalogue, state: State, choice: int) -> None:
    road.answer(cat, state, choice)


def enter(cat: Catalogue, state: State, place: int) -> None:
    dungeon.enter(cat, state, state.world.offers[place])


def take_door(cat: Catalogue, state: State, place: int) -> None:
    dungeon.take_door(cat, state, place)


def answer(cat: Catalogue, state: State, choice: int) -> None:
    dungeon.answer(cat, state, choice)


def go_on(cat: Catalogue, state: State, _: int) -> None:
    dungeon.go_on(cat, state)


def search(cat: Catalogue, state: State, _: int) -> None:
    dungeon.search(cat, state)


def rest(cat: Catalogue, state: State, _: int) -> None:
    dungeon.rest(cat, state)


def prepare(cat: Catalogue, state: State, _: int) -> None:
    dungeon.prepare(cat, state)


def leave(cat: Catalogue, state: State, _: int) -> None:
    dungeon.leave(cat, state)


def drink(cat: Catalogue, state: State, text: int) -> None:
    """Drink a potion (5) outside a fight."""
    number = cat.consumable_at[text]
    hero = state.hero
    hero.consumables = changed(hero.consumables, number, -1)
    state.log.append([Event.ItemUsed, number, heal(hero, cat.consumables[number].amount)])


def strike(cat: Catalogue, state: State, stance: int) -> None:
    result = combat.attack(cat, state, stance)
    if result != _GOES_ON:
        dungeon.after_fight(cat, state, result)


def guard(cat: Catalogue, state: State, _: int) -> None:
    dungeon.after_fight(cat, state, combat.guard(cat, state))


def use(cat: Catalogue, state: State, number: int) -> None:
    dungeon.after_fight(cat, state, combat.use(cat, state, number))


def flee(cat: Catalogue, state: State, _: int) -> None:
    dungeon.after_fight(cat, state, combat.flee(cat, state))


def auto(cat: Catalogue, state: State, _: int) -> None:
    result, played = combat.auto(cat, state)
    state.world.spent += played - 1
    dungeon.after_fight(cat, state, result)


def equip(cat: Catalogue, state: State, number: int) -> None:
    inventory.equip(cat, state, number)


def unequip(cat: Catalogue, state: State, slot: int) -> None:
    inventory.unequip(cat, state, slot)


def take_talent(cat: Catalogue, state: State, choice: int) -> None:
    progress.take_talent(cat, state, choice)


def train(cat: Catalogue, state: State, _: int) -> None:
    progress.train(cat, state)


def to_hub(cat: Catalogue, state: State, _: int) -> None:
    hub.back_from_dungeon(cat, state)


def clone(cat: Catalogue, state: State, _: int) -> None:
    hub.clone(cat, state)


def endless(cat: Catalogue, state: State, _: int) -> None:
    hub.endless(cat, state)


def end_dead(cat: Catalogue, state: State, _: int) -> None:
    dungeon.end(state, _DIED)


def end_won(cat: Catalogue, state: State, _: int) -> None:
    dungeon.end(state, _WON)
