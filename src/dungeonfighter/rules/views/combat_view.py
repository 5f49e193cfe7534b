"""The fight in the JSON view: everything that the text view of a fight says, as named fields.

Source: docs/tools.md, "Views".
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from dungeonfighter.rules import tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.fighting import combat, timing
from dungeonfighter.rules.fighting.conditions import LAST_ACTIONS
from dungeonfighter.rules.fighting.intents import following
from dungeonfighter.rules.fighting.statuses import CLEAN, STUN
from dungeonfighter.rules.state import Fight, Intent, Rank, State
from dungeonfighter.rules.views import forecast, meanings, stances
from dungeonfighter.rules.views.fight_lines import flee_price
from dungeonfighter.rules.views.observation import CombatView, StanceView, StatusView
from dungeonfighter.rules.views.sentences import CHANGES, STATUSES


def combat_view(cat: Catalogue, state: State, fight: Fight, *, briefly: bool) -> CombatView:
    """Return the fight.

    Args:
        briefly: Leave out what no policy of `bots` reads: the attacks one by one, the follow-up, the flight.
    """
    enemy = cat.enemies[fight.enemy_kind]
    phase = cat.enemy_phase[fight.enemy_kind]
    someone = state.hero
    after = following(cat, fight)
    plain, combo = forecast.own_times(cat, someone, fight)
    wait = timing.enemy_acts_in(fight)
    view = CombatView(
        enemy=enemy.name,
        rank=Rank(fight.rank).name,
        archetype=enemy.archetype,
        enemy_class=enemy.hero_class,
        level=fight.level,
        health=max(0, fight.health),
        health_max=fight.health_max,
        armour=fight.armour,
        undead=enemy.undead,
        intent=Intent(fight.intent).name,
        intent_status=STATUSES[fight.intent_status] if fight.intent_status >= 0 else "",
        incoming=combat.incoming(cat, state),
        outgoing=combat.outgoing(cat, state),
        hero_acts_in=plain,
        enemy_acts_in=wait,
        enemy_first=wait < plain,
        strip_step=fight.step,
        next_action=cat.actions[someone.strip[fight.step % len(someone.strip)]].name,
        luck=fight.luck,
        statuses=status_views(fight.enemy.statuses, fight, fight.health_max, briefly=briefly),
        exposed=fight.exposed,
        enemy_period=fight.period,
        can_flee=combat.may_flee(fight),
        intent_after=Intent(after).name if after >= 0 else "",
        opening=fight.opening,
        habit=enemy.habit,
        intent_after_in=timing.enemy_acts_then_in(fight, after),
        change_below_half=CHANGES[phase] if phase >= 0 and fight.rank == Rank.boss else "",
        combo_acts_in=combo,
        room_hit=fight.hit,
        room_combo=fight.combo,
        room_critical=fight.crit,
        goods_time=timing.goods_time(cat, someone, fight),
        last_action=LAST_ACTIONS[fight.last],
    )
    return view if briefly else _with_forecasts(cat, state, fight, view)


def status_views(amounts: Sequence[int], fight: Fight, most: int, *, briefly: bool) -> list[StatusView]:
    """Return the statuses of a fighter; `most` is the maximum health, on which the meaning depends."""
    return [
        StatusView(
            STATUSES[number], amount, "" if briefly else meanings.meaning(number, amount, fight.level, most)
        )
        for number, amount in enumerate(amounts)
        if amount
    ]


def _with_forecasts(cat: Catalogue, state: State, fight: Fight, view: CombatView) -> CombatView:
    someone = state.hero
    clean = fight.hero.statuses == CLEAN and fight.enemy.statuses == CLEAN
    critical = guarded = exposed = damage = 0
    if tables.INTENT_DAMAGE[fight.intent]:
        _, critical, guarded = forecast.threat(cat, someone, fight, clean, fight.intent)
        exposed, _, _ = forecast.threat(cat, someone, fight, clean, fight.intent, exposed=True)
    wait, period = view.enemy_acts_in, view.hero_acts_in
    follows, at = forecast.next_after(cat, fight, wait, period)
    if follows >= 0 and at >= period:
        follows, at = -1, 0
    if follows >= 0 and tables.INTENT_DAMAGE[follows]:
        damage = forecast.second_threat(cat, someone, fight, clean, follows)[0]
    return replace(
        view,
        stances=_stances(cat, state, fight, clean),
        incoming_critical=critical,
        incoming_exposed=exposed,
        guarded=guarded,
        guard="useless" if fight.enemy.statuses[STUN] else "early" if wait >= period else "",
        follow_up=Intent(follows).name if follows >= 0 else "",
        follow_up_damage=damage,
        follow_up_in=at,
        flee_chance=5 * forecast.flee_faces(someone, fight),
        flee_price=flee_price(someone, fight),
    )


def _stances(cat: Catalogue, state: State, fight: Fight, clean: bool) -> list[StanceView]:
    someone = state.hero
    of = stances.chances(stances.key(cat, someone, fight))
    stops = stances.interrupt_chances(of, stances.interrupters(someone, fight))
    lows, highs = stances.ranges(cat, someone, fight, clean)
    return [
        StanceView(str(stance.value), stance.name, low, high, odds.hit, odds.combo, stop)
        for stance, low, high, odds, stop in zip(stances.STANCES, lows, highs, of, stops, strict=True)
    ]
