"""The text view of a fight equals the plain formatting of this module; so do the sentences of events."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product

import pytest
from msgspec.structs import replace

from dungeonfighter.rules import Phase, State, tables
from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.model import PHASES
from dungeonfighter.rules.events import Event
from dungeonfighter.rules.fighting import combat, damage
from dungeonfighter.rules.fighting.statuses import expected
from dungeonfighter.rules.state import Band, Fight, Intent, Rank, Stance, Status, Weapon
from dungeonfighter.rules.talents import Perk
from dungeonfighter.rules.views import forecast, meanings, sentences, stances
from dungeonfighter.rules.views.forecast import thresholds
from dungeonfighter.rules.views.numerals import NUMERALS, NUMERALS_MAX, SECONDS, SECONDS_MAX, points
from dungeonfighter.rules.views.observation import CombatView
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
        fight.exposed = chance.random() < 0.3
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
    """Return the fight in the layout of `fight_lines`, formatted part by part from the snapshot."""
    seen, hero = rules().observe(state), state.hero
    combat = seen.combat
    assert combat is not None
    mine, its = combat.hero_acts_in, combat.enemy_acts_in
    tenths = mine // 1000 == its // 1000
    first = f"e1 | {hero.health}/{hero.figures.health_max} next {seconds(mine, tenths)}"
    first += f"{listed(fight.hero.statuses, fight.level, hero.figures.health_max)}, "
    combo, critical = lowest_rolls(cat, state)
    first += f"{combo}+" + (f"/{critical}" if critical != tables.CRITICAL_FACE else "")
    first += f" {combat.next_action}{'+' if is_set_up(cat, hero.strip, fight.step) else ''}"
    if (combat.combo_acts_in <= its) != (mine <= its):
        first += f" {combat.combo_acts_in / 1000:.1f}"
    first += f", luck {combat.luck}" if combat.luck else ""
    lines = [first]
    happened = [plain_sentence(cat, event) for event in state.log if event[0] != Event.FightBegan]
    if happened:
        lines.append(" ".join(happened))
    lines.append(
        f"{plain_enemy(cat, state, fight, began=len(happened) < len(state.log))}: "
        f"{plain_intent(combat, hero.health)} {plain_time(combat)} {seconds(its, tenths)}{plain_then(combat)}"
    )
    lines.append(plain_inputs(state, combat))
    return "\n".join(lines)


def is_set_up(cat: Catalogue, strip: Sequence[int], step: int) -> bool:
    slot = step % len(strip)
    return slot > 0 and any(
        e.who == "foe" and e.on != "critical" for e in cat.actions[strip[slot - 1]].effects
    )


def seconds(time: int, tenths: bool) -> str:
    return f"{time / 1000:.1f}" if tenths else str(time // 1000)


def lowest_rolls(cat: Catalogue, state: State) -> tuple[int, int]:
    _, combo, critical = thresholds(cat, state.hero, the_fight(state))
    if not the_fight(state).opened:
        critical -= state.hero.figures.perks[Perk.opener_crit]
    return combo, critical


def plain_enemy(cat: Catalogue, state: State, fight: Fight, *, began: bool) -> str:
    enemy, hero = cat.enemies[fight.enemy_kind], state.hero
    rank = "" if fight.rank == Rank.normal else f"{Rank(fight.rank).name} "
    wheel = {"wand": "sword", "sword": "dagger", "dagger": "wand"}
    weapon, edge = Weapon(hero.kind).name, ""
    if enemy.hero_class and wheel.get(weapon) == enemy.hero_class:
        edge = "weak "
    elif enemy.hero_class and wheel.get(enemy.hero_class) == weapon:
        edge = "strong "
    words = [f"L{fight.level} {rank}{edge}{'undead ' if enemy.undead else ''}{enemy.archetype}"]
    if began:
        words.insert(0, enemy.name)
        words += [f"({enemy.habit})"] if enemy.habit else []
    if enemy.phase and fight.rank == Rank.boss:
        words.append(f"(below half {sentences.CHANGES[PHASES.index(enemy.phase)]})")
    words.append(f"{fight.health}/{fight.health_max}")
    words += [f"armour {fight.armour}"] if fight.armour else []
    return " ".join(words) + listed(fight.enemy.statuses, fight.level, fight.health_max)


def plain_time(combat: CombatView) -> str:
    return "for" if combat.intent == "defend" else "in"


def plain_intent(combat: CombatView, health: int) -> str:
    if combat.intent in {"flee", "defend"}:
        return {"flee": "flee (its reward is lost)", "defend": "defends"}[combat.intent]
    shown = combat.intent
    if combat.intent == "status":
        row = next(row for row in rules().catalogue.enemies if row.name == combat.enemy)
        shown = f"{combat.intent_status} {row.amount} +"
    if combat.incoming:
        shown += f" {combat.incoming}"
        shown += f"-{combat.incoming_critical}" if combat.incoming_critical >= health else ""
    return shown


def plain_then(combat: CombatView) -> str:
    damage = f" {combat.follow_up_damage}" if combat.follow_up_damage else ""
    if combat.rank == "normal":
        return f" then up to{damage} before you" if combat.follow_up else ""
    return f" then {combat.intent_after}{f'{damage} before you' if combat.follow_up else ''}"


def plain_inputs(state: State, combat: CombatView) -> str:
    parts: list[str] = []
    for stance in combat.stances:
        chance = stance.interrupt_chance
        share = "%" * (not parts)
        part = (
            f"{stance.input} {stance.name} {stance.hit_chance}{share}:{stance.damage_min}-{stance.damage_max}"
        )
        if chance:
            part += " interrupts" if chance == stance.hit_chance else f" interrupts {chance}"
        parts.append(part)
    exposed = ""
    if combat.enemy_first and (combat.incoming or combat.guard):
        braced = state.hero.figures.perks[Perk.power_armour]
        damage = f" {combat.incoming_exposed}" if combat.incoming else ""
        exposed = "" if braced else f" exposed{damage}"
    if combat.opening:
        exposed = f" opening{f' else{exposed}' if exposed else ''}"
    parts[-1] += exposed
    guard = {"early": "", "useless": " no use"}.get(combat.guard, f" {combat.guarded}")
    parts.append(f"4 guard{guard}")
    goods = rules().outline(state).whole
    if goods and state.hero.figures.perks[Perk.quick_hands]:
        goods += ", all free" if goods.count("|") > 1 else " free"
    parts[-1] += goods
    if combat.can_flee:
        price = combat.flee_price
        if state.fight is not None and state.fight.rank < Rank.guardian:
            price = ""
        parts.append(f"8 flee {combat.flee_chance} {'scar' if price.endswith('scar') else price}".rstrip())
    return " |".join([*parts, "9 auto"])


def plain_sentence(cat: Catalogue, event: list[int]) -> str:
    """Return the sentence of a frequent event, put together from its parts."""
    code, *arguments = event
    if code == Event.StatusTicked:
        return f"{('You', 'It')[arguments[0]]} lost {arguments[1]}."
    band = words(Band(arguments[2]).name)
    if code in (Event.EnemyAttacked, Event.EnemyMissed):
        parts = ["Its", Intent(arguments[0]).name, band]
    else:
        parts = ["You", band]
    if code == Event.HeroAttacked and arguments[3] >= 0:
        parts.append(cat.actions[arguments[3]].name)
    if code in (Event.HeroAttacked, Event.EnemyAttacked):
        parts.append(str(arguments[-1]))
    return f"{' '.join(parts)}."


def words(name: str) -> str:
    return name.replace("_", " ")


def listed(amounts: list[int], level: int, most: int) -> str:
    return meanings.listed(tuple(amounts), level, most)


def test_a_fight_reads_as_written_out_plainly() -> None:
    cat = rules().catalogue
    for state in odd_fights():
        assert rules().text(state, "e1") == plainly(cat, state, the_fight(state))


def test_the_threat_is_what_combat_expects() -> None:
    cat = rules().catalogue
    for state in odd_fights():
        fight = the_fight(state)
        clean = not any(fight.hero.statuses) and not any(fight.enemy.statuses)
        if not tables.INTENT_DAMAGE[fight.intent]:
            continue
        hit, critical, guarded = forecast.threat(cat, state.hero, fight, clean, fight.intent)
        assert hit == combat.incoming(cat, state)
        assert critical == combat.incoming(cat, state, critical=True)
        fight.exposed, fight.guarding, own = False, True, fight.hero.statuses
        fight.hero_armour -= min(own[Status.acid], fight.hero_armour)
        own[Status.weaken] = max(0, own[Status.weaken] - 1)
        on_guard = damage.enemy_damage(cat, state.hero, fight, fight.intent, Band.hit)
        assert guarded == expected(own, on_guard)


def test_the_ranges_are_those_of_the_formulas_of_damage() -> None:
    cat = rules().catalogue
    for state in odd_fights():
        fight, hero = the_fight(state), state.hero
        clean = not any(fight.hero.statuses) and not any(fight.enemy.statuses)
        lows, highs = stances.ranges(cat, hero, fight, clean)
        hero.health = stances.health_then(hero, fight)
        slot = fight.step % len(hero.strip)
        for place, stance in enumerate(stances.STANCES):
            dealt = [
                expected(
                    fight.enemy.statuses,
                    damage.hero_damage(
                        cat, hero, fight, -1 if band == Band.hit else hero.strip[slot], slot, band, stance
                    ),
                )
                for band in (Band.hit, Band.combo, Band.critical)
            ]
            assert (lows[place], highs[place]) == (min(dealt), max(dealt))


@pytest.mark.parametrize("code", sorted(FREQUENT))
def test_a_frequent_event_reads_as_its_plain_sentence(code: int) -> None:
    cat = rules().catalogue
    state = hub()
    assert state.phase != Phase.Combat
    events = [event for event in ATTACKS if event[0] == code]
    assert events
    for event in events:
        state.log, state.turn_start = [event], 0
        if code not in (Event.HeroAttacked, Event.HeroMissed):  # the sentence alone has the roll, too
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
    assert sentence(cat, [Event.HazardStruck, 0, 1, 12, 3]) == f"{hazard}. It lost 12, roll penalty 3."
    assert sentence(cat, [Event.HazardStruck, 0, 1, 0, 0]) == f"{hazard}. It: unhurt."
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
        == f"You precise 14+3: combo {name} 18."
    )
    assert sentence(cat, [Event.HeroAttacked, Stance.attack, 9, Band.hit, -1, 0, 18]) == "You roll 9: hit 18."
    assert sentence(cat, [Event.EnemyAttacked, Intent.heavy, 9, Band.hit, 31]) == "Its heavy hit 31."
    assert (
        sentence(cat, [Event.EnemyMissed, Intent.light, 1, Band.critical_miss]) == "Its light critical miss."
    )


def test_numerals_and_seconds_equal_formatted_numbers() -> None:
    assert [NUMERALS[n] for n in range(-64, NUMERALS_MAX)] == [str(n) for n in range(-64, NUMERALS_MAX)]
    assert len(SECONDS) == SECONDS_MAX
    assert all(text == f"{time / 1000:.1f}" for time, text in enumerate(SECONDS))
