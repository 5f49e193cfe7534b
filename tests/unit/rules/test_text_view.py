"""The text view of a fight equals the plain formatting of this module; so do the sentences of events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product

import pytest
from msgspec.structs import replace

from dungeonfighter.rules import Phase, State, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import PHASES
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat
from dungeonfighter.rules.fighting.intents import following
from dungeonfighter.rules.state import Band, Fight, Intent, Rank, Stance, Status, Weapon
from dungeonfighter.rules.views import forecast, sentences
from dungeonfighter.rules.views.forecast import thresholds
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX, SECONDS, SECONDS_MAX, points
from dungeonfighter.rules.views.sentences import FREQUENT, WORDING, sentence
from tests.unit.rules.position import combat_state, hub, rules, the_fight

ODD = 1500
ATTACKS = [
    *([Event.HeroAttacked, stance, die + bonus, band, action, bonus, 4098 - die]
      for stance, die, bonus, band, action in product((1, 2, 3), (1, 20), (-6, 0, 5), Band, (-1, 0, 5))),
    *([Event.HeroMissed, stance, 4 + bonus, band, bonus]
      for stance, bonus, band in product((1, 2, 3), (-3, 0, 3), Band)),
    *([Event.EnemyAttacked, intent, 9, band, lost]
      for intent, band, lost in product(Intent, Band, (0, 31, 5000))),
    *([Event.EnemyMissed, intent, 3, band] for intent, band in product(Intent, Band)),
    *([Event.StatusTicked, who, lost] for who, lost in product((0, 1), (0, 7, 5000))),
]  # fmt: skip


def odd_fights() -> Iterator[State]:
    """Yield fights with any statuses, talents and figures, even those that no run leads to."""
    chance = random.Random(20)
    cat = rules().catalogue
    for _ in range(ODD):
        state = combat_state(intent=chance.choice(list(Intent)), level=chance.randint(1, 60))
        fight, hero = the_fight(state), state.hero
        for fighter in (fight.hero, fight.enemy):
            amounts = [chance.choice((0, 0, 0, 1, 5)) for _ in Status]
            fighter.statuses = chance.choice((amounts, [0] * len(Status)))
        fight.enemy_kind = chance.randrange(len(cat.enemies))
        fight.rank = chance.randrange(len(Rank))
        fight.intent_status = chance.choice(list(Status)) if fight.intent == Intent.status else -1
        fight.exposed, fight.guarding = chance.random() < 0.3, chance.random() < 0.3
        fight.health_max = chance.choice((200, 3000, 9000))
        fight.health = chance.randint(1, fight.health_max)
        fight.armour, fight.hero_armour = chance.randint(0, 60), chance.randint(0, 80)
        fight.damage, fight.step = chance.choice((4, 60, 3000)), chance.randint(0, 9)
        fight.enemy.next_at = chance.choice((-700, 0, 4150, 9999, 31_050))
        hero.kind = chance.randrange(4)
        hero.health = chance.randint(1, hero.figures.health_max)
        hero.strip = [chance.randrange(len(cat.actions)) for _ in range(chance.randint(1, 8))]
        hero.figures = replace(
            hero.figures, damage=chance.choice((3, 40, 5000)), amp=chance.randint(1000, 2000),
            period=chance.choice((500, 7250, 15_650)),
            perks=[chance.choice((0, 700, 1300)) for _ in hero.figures.perks],
        )  # fmt: skip
        state.turn_start = 0
        state.log = [chance.choice(ATTACKS) for _ in range(chance.randint(0, 5))]
        if chance.random() < 0.2:
            state.log.insert(0, [Event.FightBegan, fight.enemy_kind, fight.rank, fight.level])
        yield state


def plainly(cat: Catalogue, state: State, fight: Fight) -> str:
    """Return the fight in the layout of `text_view`, formatted part by part."""
    hero, enemy = state.hero, cat.enemies[fight.enemy_kind]
    lines = [f"e1 | {hero.name} {hero.health}/{hero.figures.health_max} hp{listed(fight.hero.statuses)}"]
    happened = [plain_sentence(cat, event) for event in state.log if event[0] != Event.FightBegan]
    if happened:
        lines.append(" ".join(happened))
    name = enemy.name
    if len(happened) < len(state.log):
        rank = "" if fight.rank == Rank.normal else f" {Rank(fight.rank).name}"
        own = [enemy.habit] if enemy.habit else []
        if enemy.phase and fight.rank == Rank.boss:
            own.append(f"below half {sentences.CHANGES[PHASES.index(enemy.phase)]}")
        habit = f" ({'; '.join(own)})" if own else ""
        wheel = {"wand": "sword", "sword": "dagger", "dagger": "wand"}
        weapon = Weapon(hero.kind).name
        if enemy.hero_class and wheel.get(weapon) == enemy.hero_class:
            habit += " (you x1.2)"
        elif enemy.hero_class and wheel.get(enemy.hero_class) == weapon:
            habit += " (it x1.2)"
        armour = f", armour {fight.armour}" if fight.armour else ""
        name += f" L{fight.level},{rank} {'undead ' if enemy.undead else ''}{enemy.archetype}{habit}{armour},"
    shown = Intent(fight.intent).name
    if fight.intent == Intent.status:
        shown = f"{words(Status(fight.intent_status).name)} {enemy.amount}"
    if tables.INTENT_DAMAGE[fight.intent]:
        shown += f" ~{combat.incoming(cat, state)}{deadly(cat, state)}"
    elif fight.intent == Intent.flee:
        shown += " (no reward)"
    wait = fight.enemy.next_at - fight.hero.next_at
    if fight.enemy.statuses[Status.stun]:
        wait += fight.period * 3 // 2 if fight.enemy.statuses[Status.slow] else fight.period
    wait = max(0, wait)
    health = f"{fight.health}/{fight.health_max}{listed(fight.enemy.statuses)}"
    period = hero.figures.period
    if fight.hero.statuses[Status.slow]:
        period = period * tables.SLOWED // 1000
    then, soonest = "", wait + fight.period * 800 // 1000
    if fight.rank:
        after = Intent(following(cat, fight))
        later = wait + fight.period * tables.INTENT_LENGTH[after] // 1000
        then = f", then {after.name}" + (f" in {later / 1000:.1f} s" if later < period else "")
    elif soonest < period:
        then = f", maybe again in {soonest / 1000:.1f} s"
    lines.append(f"{name} {health}; shows {shown} in {wait / 1000:.1f} s{then}")
    combo = ""
    if len(hero.strip) > 1:
        slot = fight.step % len(hero.strip)
        combo = f", combo {slot + 1}/{len(hero.strip)} {cat.actions[hero.strip[slot]].name}"
        before = cat.actions[hero.strip[slot - 1]].effects if slot else ()
        combo += "+" if any(e.who == "foe" and e.on != "critical" for e in before) else ""
    combo += ", opening" if fight.opening else ""
    rolls = f", rolls {'/'.join(map(str, thresholds(cat, hero, fight)))}"
    if len(happened) == len(state.log):
        rolls = ""
    lines.append(f"You hit ~{combat.outgoing(cat, state)}{rolls}, next {period / 1000:.1f} s{combo}")
    return "\n".join(lines)


def deadly(cat: Catalogue, state: State) -> str:
    """Return the damage of a critical of the shown action where only that kills."""
    health, hit = state.hero.health, combat.incoming(cat, state)
    critical = combat.incoming(cat, state, critical=True)
    return f" (critical {critical})" if hit < health <= critical else ""


def plain_sentence(cat: Catalogue, event: list[int]) -> str:
    """Return the sentence of a frequent event, put together from its parts."""
    code, *arguments = event
    if code == Event.StatusTicked:
        return f"{('You', 'Foe')[arguments[0]]} lost {arguments[1]} to statuses."
    band = words(Band(arguments[2]).name)
    if code in (Event.EnemyAttacked, Event.EnemyMissed):
        parts = ["Foe", Intent(arguments[0]).name, band]
    else:
        stance = "roll" if arguments[0] == Stance.attack else Stance(arguments[0]).name
        bonus = arguments[3] if code == Event.HeroMissed else arguments[4]
        parts = ["You", stance, f"{arguments[1] - bonus}{f'{bonus:+d}' if bonus else ''}:", band]
    if code == Event.HeroAttacked and arguments[3] >= 0:
        parts.append(cat.actions[arguments[3]].name)
    if code in (Event.HeroAttacked, Event.EnemyAttacked):
        parts.append(f"for {arguments[-1]}")
    return f"{' '.join(parts)}."


def words(name: str) -> str:
    return name.replace("_", " ")


def listed(amounts: list[int]) -> str:
    return "".join(f", {words(Status(n).name)} {amount}" for n, amount in enumerate(amounts) if amount)


def test_a_fight_reads_as_written_out_plainly() -> None:
    cat = rules().catalogue
    for state in odd_fights():
        text, _, inputs = rules().text(state, "e1").rpartition("\n")
        assert text == plainly(cat, state, the_fight(state))
        assert inputs == rules().outline(state).whole


def test_the_forecast_is_what_combat_expects() -> None:
    cat = rules().catalogue
    for state in odd_fights():
        fight = the_fight(state)
        clean = not any(fight.hero.statuses) and not any(fight.enemy.statuses)
        assert forecast.outgoing(cat, state.hero, fight, clean) == combat.outgoing(cat, state)
        if fight.intent <= Intent.status:
            assert forecast.incoming(cat, state.hero, fight, clean) == combat.incoming(cat, state)


@pytest.mark.parametrize("code", sorted(FREQUENT))
def test_a_frequent_event_reads_as_its_plain_sentence(code: int) -> None:
    cat = rules().catalogue
    state = hub()
    assert state.phase != Phase.Combat
    events = [event for event in ATTACKS if event[0] == code]
    assert events
    for event in events:
        state.log, state.turn_start = [event], 0
        assert sentence(cat, event) == plain_sentence(cat, event)
        assert rules().text(state, "e1").split("\n")[1] == plain_sentence(cat, event)


@pytest.mark.parametrize("code", sorted(WORDING))
def test_a_kept_sentence_is_the_sentence_of_its_event(code: int) -> None:
    cat = rules().catalogue
    _, kinds = WORDING[code]
    for number in (0, 1):
        event = [code, *(number for _ in kinds)]
        first = sentence(cat, event)
        assert sentence(cat, event) == first
        assert first == sentences._fill_template(cat, event)


def test_a_template_is_filled_with_names_and_numbers() -> None:
    cat = rules().catalogue
    hazard = cat.names["hazard"][0]
    assert sentence(cat, [Event.HeroGuarded]) == "You guard."
    assert sentence(cat, [Event.EnemyDied, 0, 30, 7]) == f"{cat.enemies[0].name} died: +30 xp, +7 gold."
    assert sentence(cat, [Event.HazardStruck, 0, 1, 12, 3]) == f"{hazard}. Foe lost 12, roll penalty 3."
    assert sentence(cat, [Event.HazardStruck, 0, 1, 0, 0]) == f"{hazard}. Foe: unhurt."
    assert sentence(cat, [Event.AutoFought, 3, 40]) == "Auto: 3 attacks, 40 hp lost."
    assert sentence(cat, [Event.AutoFought, 1, -2]) == "Auto: 1 attack, 2 hp gained."


@pytest.mark.parametrize("intent", [Intent.ward, Intent.charge, Intent.summon])
def test_a_turn_of_auto_does_not_list_what_the_enemy_prepared(intent: Intent) -> None:
    said: list[str] = []
    sentences.narrate(rules().catalogue, [[Event.EnemyPrepared, intent], [Event.AutoFought, 3, 40]], said)
    assert said == ["Auto: 3 attacks, 40 hp lost."]


def test_points_are_the_score_in_its_shortest_form() -> None:
    assert [points(score) for score in range(10_001)] == [f"{score / 100:g}" for score in range(10_001)]


def test_an_attack_reads_as_its_parts() -> None:
    cat = rules().catalogue
    name = cat.actions[5].name
    assert (
        sentence(cat, [Event.HeroAttacked, Stance.precise, 17, Band.combo, 5, 3, 18])
        == f"You precise 14+3: combo {name} for 18."
    )
    assert (
        sentence(cat, [Event.HeroAttacked, Stance.attack, 9, Band.hit, -1, 0, 18])
        == "You roll 9: hit for 18."
    )
    assert sentence(cat, [Event.EnemyAttacked, Intent.heavy, 9, Band.hit, 31]) == "Foe heavy hit for 31."
    assert (
        sentence(cat, [Event.EnemyMissed, Intent.light, 1, Band.critical_miss]) == "Foe light critical miss."
    )


def test_numerals_and_seconds_equal_formatted_numbers() -> None:
    assert [NUMERALS[n] for n in range(-64, NUMERALS_MAX)] == [str(n) for n in range(-64, NUMERALS_MAX)]
    assert len(SECONDS) == SECONDS_MAX
    assert all(text == f"{time / 1000:.1f}" for time, text in enumerate(SECONDS))
