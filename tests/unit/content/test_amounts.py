"""The content has the promised amounts, one voice, and no row that cannot be met."""

from __future__ import annotations

from collections import Counter

import pytest

from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.catalog.checks import COSTS, GAINS, TILTS
from dungeonfighter.rules.catalog.model import HABITS, EventOption, RoomEvent
from dungeonfighter.rules.state import Intent, Status, Weapon

CAT = load_catalogue()
ORDINARY = [e for e in CAT.enemies if e.rank == "normal"]
NAMED = [e for e in CAT.enemies if e.rank != "normal"]
SELF_INFLICTED = {"ward": "shield", "harden": "fortify", "aim": "pierce"}
"""The status that a habit gives the enemy itself."""


def test_each_region_has_three_themes_and_each_theme_ten_enemies() -> None:
    assert len(CAT.themes) == 9
    assert all(len(themes) == 3 for themes in CAT.themes_of_region)
    assert len(ORDINARY) >= 90
    assert set(Counter(e.theme for e in ORDINARY).values()) == {10}


def test_twelve_elites_and_bosses_have_patterns_of_their_own() -> None:
    assert len(NAMED) >= 12
    assert len({e.pattern for e in NAMED}) == len(NAMED)
    usual = {a.pattern for a in CAT.archetypes}
    assert all(e.pattern not in usual for e in NAMED)
    assert all(len(e.pattern) >= 5 and {"heavy", "crush"} & set(e.pattern) for e in NAMED)
    assert Counter(e.theme for e in NAMED if e.rank == "elite") == Counter(t.id for t in CAT.themes)
    assert len({e.theme for e in NAMED if e.rank == "boss"}) == len(CAT.regions)


def test_a_crush_follows_a_charge_in_every_pattern() -> None:
    for enemy in NAMED:
        for pattern in filter(None, (enemy.pattern, enemy.pattern_low)):
            pairs = list(zip(pattern, (*pattern[1:], pattern[0]), strict=True))
            assert all((one == "charge") == (then == "crush") for one, then in pairs), enemy.id


def test_there_are_forty_events_and_twenty_choices() -> None:
    assert len(CAT.events) >= 40
    assert sum(len(e.options) >= 2 for e in CAT.events) >= 20
    kinds = Counter(e.kind for e in CAT.events if e.options)
    assert kinds["shrine"] >= 9
    assert kinds["trap"] >= 9
    assert kinds["travel"] >= 5


def test_each_theme_has_events_hazards_and_tilts_of_its_own() -> None:
    tilts = set()
    for number, theme in enumerate(CAT.themes):
        assert len(CAT.hazards[number]) == 2
        own = Counter(e.kind for e in CAT.events if e.theme == theme.id)
        assert own["shrine"] >= 1
        assert own["trap"] >= 2
        rows = [p for p in CAT.place_rows if p.theme == theme.id]
        assert len(rows) >= 11
        tilts.add(frozenset((p.tilt, p.tilt_amount, p.kind) for p in rows if p.tilt))
        assert sum(bool(p.tilt) for p in rows) >= 3
    assert len(tilts) == len(CAT.themes)


def test_the_other_kinds_have_their_amounts() -> None:
    assert len(CAT.actions) >= 60
    assert len(CAT.talents) >= 24


def test_enemies_use_every_status() -> None:
    inflicted = {e.status for e in ORDINARY}
    inflicted |= {SELF_INFLICTED[e.habit] for e in ORDINARY if e.habit in SELF_INFLICTED}
    assert inflicted == {status.name for status in Status}


def test_enemies_use_every_habit_archetype_and_class() -> None:
    assert {e.habit for e in ORDINARY} >= set(HABITS)
    assert {e.archetype for e in ORDINARY} == {a.id for a in CAT.archetypes}
    assert {e.hero_class for e in ORDINARY} == {"", *(w.name for w in Weapon)}
    for theme in CAT.themes:
        rows = [e for e in ORDINARY if e.theme == theme.id]
        assert len({e.habit for e in rows}) >= 5, theme.id
        assert len({e.archetype for e in rows}) >= 5, theme.id
        assert len({e.status for e in rows}) >= 6, theme.id
        assert len({e.hero_class for e in rows}) == 5, theme.id


def test_patterns_use_every_intent_but_flight() -> None:
    shown = {intent for e in NAMED for intent in (*e.pattern, *e.pattern_low)}
    assert shown == {intent.name for intent in Intent if intent != Intent.flee}


def test_events_use_every_thing_and_places_every_tilt() -> None:
    rows: list[RoomEvent | EventOption] = [*CAT.events, *(o for e in CAT.events for o in e.options)]
    trades = [(row.cost, row.gain) for row in rows]
    assert {cost[0] for cost, _ in trades} == set(COSTS)
    assert {gain[0] for _, gain in trades} == set(GAINS)
    assert {p.tilt for p in CAT.place_rows} == set(TILTS)


@pytest.mark.parametrize("kind", ["enemies", "places", "hazards", "events"])
def test_names_and_texts_differ(kind: str) -> None:
    rows = getattr(CAT.content, kind)
    words = [getattr(row, "name", None) or row.text for row in rows]
    assert len({word.lower() for word in words}) == len(words)
    if kind == "places":
        assert len({row.hint for row in rows}) == len(rows)


def test_texts_have_one_voice() -> None:
    """No exclamation, no question, no full stop at the end; the views add the stop."""
    texts = [row.text for row in CAT.events] + [row.text for row in CAT.hazard_rows]
    texts += [p.hint for p in CAT.place_rows]
    texts += [option.text for row in CAT.events for option in row.options]
    assert not [text for text in texts if set("!?") & set(text) or text.endswith(".")]


def test_every_enemy_place_hazard_and_event_can_be_met() -> None:
    met = set(CAT.boss_of_region)
    for number in range(len(CAT.themes)):
        region = CAT.regions[CAT.region_of_theme[number]]
        for level in range(region.first_level, region.last_level + 1):
            met |= set(CAT.enemies_at[number][level])
        met |= set(CAT.elites[number])
    assert met == set(range(len(CAT.enemies)))
    themes = range(len(CAT.themes))
    assert {n for t in themes for kind in CAT.places[t] for n in kind} == set(range(len(CAT.place_rows)))
    assert {n for t in themes for n in CAT.hazards[t]} == set(range(len(CAT.hazard_rows)))
    events = {n for t in themes for n in (*CAT.shrines[t], *CAT.traps[t])} | set(CAT.travels)
    assert events == set(range(len(CAT.events)))


def test_a_roster_of_four_is_drawn_from_at_least_four_at_every_level() -> None:
    for number in range(len(CAT.themes)):
        region = CAT.regions[CAT.region_of_theme[number]]
        for level in range(region.first_level, region.last_level + 1):
            assert len(CAT.enemies_at[number][level]) >= 4, (CAT.themes[number].id, level)
