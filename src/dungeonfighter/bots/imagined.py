"""A fight as a state of the rules, made from the view alone, in which a planner can try inputs.

The view names almost all that a fight consists of. What it leaves out is replaced by the usual: no heal and
no second wind so far, and the first place of the pattern that fits both shown actions. The dice of the state
have nothing to do with those of the run.

Source: docs/tools.md, "Views"; docs/rules.md, "A fight".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Final

from dungeonfighter.rules import load_rules, tables
from dungeonfighter.rules.bonuses import PERK, PERKS, RELIC, words
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.character import loot
from dungeonfighter.rules.dice import streams
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.fighting.conditions import LAST_ACTIONS, more
from dungeonfighter.rules.fighting.intents import following
from dungeonfighter.rules.state import (
    Fight,
    Fighter,
    Figures,
    Hero,
    Intent,
    Mode,
    Phase,
    Rank,
    Stance,
    State,
    Status,
    Weapon,
    World,
)
from dungeonfighter.rules.talents import KEYS, NUMBERS, Perk
from dungeonfighter.rules.views.observation import CombatView, Observation, PlayerView, StatusView

GEAR_MAX: Final = 1024
"""The greatest number of sets of worn items whose bonuses the cache keeps."""
_TRIES: Final = 3
"""The corrections by which the damage of the enemy comes to what the view shows."""
_STUN: Final = int(Status.stun)
_LIMITED: Final = (int(Intent.heal), int(Intent.summon))
"""The actions of which an enemy has only so many in a fight."""
_SLOW: Final = int(Status.slow)
_PENALTY: Final = int(Status.roll_penalty)
_PERKS_OF_GEAR: Final = tuple(PERKS)


@cache
def catalogue() -> Catalogue:
    return load_rules().catalogue


def is_known(o: Observation, c: CombatView) -> bool:
    """Return True if the packaged content has this fight's enemy and actions; a server may have its own."""
    actions = _numbers("action")
    return c.enemy in _numbers("enemy") and bool(o.player.strip) and all(n in actions for n in o.player.strip)


def imagine(o: Observation, c: CombatView) -> State:
    """Return the state of a run that is in this fight and nowhere else: it has no dungeon and no items."""
    cat = catalogue()
    tilt, shift = _tilt(o)
    state = State(
        seed=0, mode=int(Mode.ironman), ranked=False, phase=int(Phase.Combat), turn=o.turn, dice=streams(0),
        hero=_hero(cat, o.player, c, tilt, shift), world=World(), ascension=o.ascension,
    )  # fmt: skip
    state.fight = _fight(cat, o, c, tilt, shift)
    _match_rolls(cat, state.hero, state.fight)
    _match_damage(cat, state, c.incoming)
    return state


def _hero(cat: Catalogue, p: PlayerView, c: CombatView, tilt: str, shift: int) -> Hero:
    perks = [0] * len(KEYS)
    for name in p.talents:
        number = _numbers("talent").get(name)
        if number is not None:
            perks[cat.talent_perk[number]] += cat.talents[number].amount
    deals, takes, rolls, relics, perks_of_gear = bonuses_of(
        tuple((item.name, *item.affixes) for item in p.worn)
    )
    for perk, amount in perks_of_gear:
        perks[perk] += amount
    penalty = tables.ROLL_PENALTY if any(status.name == "roll penalty" for status in p.statuses) else 0
    lower = {tilt: shift}
    figures = Figures(
        health_max=p.health_max, armour=p.armour, damage=p.damage, period=p.period, amp=p.amplification,
        hit=tables.MISS_MAX + 1 - p.hit_at + penalty - lower.get("hit", 0),
        combo=tables.COMBO_MIN - p.combo_at + penalty - lower.get("combo", 0),
        crit=tables.CRITICAL_FACE - p.critical_at - lower.get("crit", 0),
        luck=c.luck, slots=p.strip_slots, lengthen=p.intelligence // 10 + perks[Perk.long_statuses],
        agility=p.agility, routing=p.intelligence >= tables.ROUTING_INT, perks=perks, deals=deals,
        takes=takes, rolls=rolls, relics=relics,
    )  # fmt: skip
    actions, goods = _numbers("action"), _numbers("good")
    counts = [0] * len(cat.consumables)
    for good in p.consumables:
        if good.name in goods:
            counts[goods[good.name]] = good.count
    return Hero(
        name=p.name, kind=int(Weapon[p.weapon_kind]), level=p.level, health=p.health,
        strip=[actions[name] for name in p.strip if name in actions], consumables=counts, gold=p.gold,
        scars=p.scars, figures=figures,
    )  # fmt: skip


def _fight(cat: Catalogue, o: Observation, c: CombatView, tilt: str, shift: int) -> Fight:
    enemy, rank = _numbers("enemy")[c.enemy], int(Rank[c.rank])
    kind = cat.archetypes[cat.enemy_archetype[enemy]]
    usual = tables.ENEMY_HEALTH[c.level] * kind.health * tables.RANK_HEALTH[rank] // 1_000_000
    damage = tables.ENEMY_DAMAGE[c.level] * kind.damage * tables.RANK_DAMAGE[rank] // 1_000_000
    theirs = _amounts(c.statuses)
    acts_in = c.enemy_acts_in
    if theirs[_STUN]:
        acts_in -= c.enemy_period * tables.SLOWED // 1000 if theirs[_SLOW] else c.enemy_period
    low, place = _place(cat, enemy, rank, c)
    fight = Fight(
        enemy, rank, c.level, c.health, c.health_max, int(Intent[c.intent]),
        Fighter(0, _amounts(o.player.statuses)), Fighter(acts_in, theirs),
    )  # fmt: skip
    fight.intent_status = cat.enemy_status[enemy] if c.intent == "status" else -1
    fight.pattern_at, fight.low = place, low
    if c.intent_after == Intent.normal.name and following(cat, fight) in _LIMITED:
        fight.heals = tables.ENEMY_HEALS_MAX
    fight.step, fight.luck = c.strip_step, c.luck
    fight.exposed, fight.opening = c.exposed, c.opening
    fight.damage = damage * c.health_max // max(1, usual)
    fight.period, fight.armour, fight.hero_armour = c.enemy_period, c.armour, o.player.armour
    fight.opened = c.health < c.health_max
    fight.actions = int(fight.opened)
    fight.last = LAST_ACTIONS.index(c.last_action)
    if tilt == "hit":
        fight.hit = shift
    elif tilt == "combo":
        fight.combo = shift
    elif tilt == "crit":
        fight.crit = shift
    themes = _numbers("theme")
    if o.current_dungeon is not None:
        fight.theme = themes.get(o.current_dungeon.theme, 0)
    return fight


def _match_rolls(cat: Catalogue, hero: Hero, fight: Fight) -> None:
    """Take the bonuses that count now out of the thresholds, which the view shows with them."""
    if hero.figures.rolls:
        now = more(hero.figures.rolls, cat, hero, fight, int(Stance.attack))
        hero.figures.hit -= now
        hero.figures.combo -= now


def _match_damage(cat: Catalogue, state: State, shown: int) -> None:
    """Change the enemy's damage until a plain hit of the shown action does what the view shows."""
    fight = state.fight
    assert fight is not None
    armour = fight.hero_armour
    for _ in range(_TRIES):
        would = combat.incoming(cat, state)
        if shown <= tables.DAMAGE_MIN or would == shown:
            return
        fight.damage = max(1, fight.damage * (shown + armour) // max(1, would + armour))


def _place(cat: Catalogue, enemy: int, rank: int, c: CombatView) -> tuple[bool, int]:
    """Return True if a boss has its second pattern, and the place of the action after the shown one."""
    shown = Intent[c.intent]
    after = Intent[c.intent_after] if c.intent_after else shown
    lows = (True, False) if rank == Rank.boss and c.health * 2 < c.health_max else (False,)
    best, found = -1, (lows[0], 0)
    for low in lows:
        pattern = (cat.enemy_pattern_low if low else cat.enemy_pattern)[enemy]
        for place, intent in enumerate(pattern):
            fits = 2 * _fit(intent, after) + _fit(pattern[place - 1], shown)
            if fits > best:
                best, found = fits, (low, place)
    return found


def _fit(intent: int, shown: int) -> int:
    """Return 2 if the pattern's action is the shown one, 1 if a normal attack may be shown in its place."""
    return 2 if intent == shown else int(shown == Intent.normal and intent in _LIMITED)


def _tilt(o: Observation) -> tuple[str, int]:
    room = o.current_room
    return _tilts().get(room.name, ("", 0)) if room is not None else ("", 0)


@cache
def _tilts() -> dict[str, tuple[str, int]]:
    return {row.name: (row.tilt, row.tilt_amount) for row in catalogue().place_rows if row.tilt}


@cache
def _numbers(kind: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(catalogue().names[kind][:-1])}


def _amounts(statuses: Sequence[StatusView]) -> list[int]:
    amounts = [0] * len(Status)
    for status in statuses:
        amounts[Status[status.name.replace(" ", "_")]] = status.amount
    return amounts


Bonuses = tuple[list[int], list[int], list[int], int, tuple[tuple[int, int], ...]]
"""Damage dealt and taken and rolls under conditions, as `Figures` holds them; powers as bits; perks."""


@lru_cache(GEAR_MAX)
def bonuses_of(worn: tuple[tuple[str, ...], ...]) -> Bonuses:
    """Return the bonuses of worn items, of each of which the name and the texts of the affixes are given."""
    cat = catalogue()
    sums: dict[int, int] = {}
    for place, amount in chain.from_iterable(_of_item(cat, name, texts) for name, *texts in worn):
        sums[place] = sums.get(place, 0) + amount
    pairs: tuple[list[int], list[int], list[int]] = ([], [], [])
    relics, perks = 0, []
    for place, amount in sums.items():
        kind, which = cat.bonuses[place]
        if kind == PERK:
            perks.append((NUMBERS[_PERKS_OF_GEAR[which]], amount))
        elif kind == RELIC:
            relics |= 1 << which
        else:
            pairs[kind].extend((which, amount))
    return *pairs, relics, tuple(perks)


def _of_item(cat: Catalogue, name: str, texts: Iterable[str]) -> Iterable[tuple[int, int]]:
    """Yield places in `Catalogue.bonuses` and amounts."""
    number = _numbers("item").get(name)
    if number is not None:
        for place, amount in cat.item_bonuses[number]:
            if place >= loot.STATS:
                yield place - loot.STATS, amount
    for text in texts:
        form, amount = _form(text)
        if form in _forms():
            place, scale = _forms()[form]
            yield place, amount * scale


@cache
def _forms() -> dict[str, tuple[int, int]]:
    """Return place and scale of each bonus by its words without their number."""
    known = {}
    for place, (kind, which) in enumerate(catalogue().bonuses):
        if kind != RELIC:
            form, shown = _form(words(kind, which, 10))
            known[form] = (place, 10 // max(1, shown))
    return known


def _form(text: str) -> tuple[str, int]:
    """Return the words with a mark in place of the first number, and that number."""
    begins = next((place for place, sign in enumerate(text) if sign.isdigit()), len(text))
    ends = begins
    while ends < len(text) and text[ends].isdigit():
        ends += 1
    return f"{text[:begins]}#{text[ends:]}", int(text[begins:ends] or "0")
