"""The table of a measurement, and the bars, on made-up runs."""

from __future__ import annotations

from dungeonfighter.laboratory.bars import Measured, Reading, readings
from dungeonfighter.laboratory.measuring import Series
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.standings import standings, table
from tests.unit.laboratory.made_up import run, series

BASE = Player("heuristic")


def without(kind: str, scores: list[float]) -> Series:
    return series(Player("heuristic", (kind,)), scores)


def test_a_player_with_a_habit_is_compared_with_its_own_policy() -> None:
    rows = standings([
        series(Player("attack"), [1.0, 2.0]),
        series(Player("attack", ("guard",)), [0.0, 2.0]),
        series(BASE, [30.0, 40.0]),
    ])  # fmt: skip
    assert rows[0].difference is None
    assert rows[1].difference is not None
    assert rows[2].difference is not None
    assert (rows[1].difference.mean, rows[2].difference.mean) == (-0.5, 33.5)


def test_differences_need_pairs() -> None:
    one = Series(BASE, {0: run(seed=0, score=10.0), 1: run(seed=1, score=20.0)})
    other = Series(Player("farm"), {1: run("farm", 1, 25.0), 2: run("farm", 2, 99.0)})
    row = standings([one, other])[1]
    assert row.difference is not None
    assert (row.difference.mean, row.difference.size) == (5.0, 1)


def test_a_row_has_caps_deaths_and_regions() -> None:
    runs = [
        run(seed=0, last_health=0.2),
        run(seed=1, last_health=0.6, unanswered="before the fight"),
        run(seed=2, result="turns", last_health=-1.0, region=1),
        run(seed=3, result="turns", last_health=-1.0, region=2),
    ]
    (row,) = standings([Series(BASE, {one.seed: one for one in runs})])
    assert (row.at_cap, row.death_health, row.unanswered, row.regions) == (0.5, 0.4, 0.5, (0.5, 0.25))
    assert row.places == {"Combat": 1, "before the fight": 1}


def test_the_table_warns_of_inputs_that_had_to_be_replaced() -> None:
    lines = list(table(standings([series(BASE, [1.0, 2.0]), series(Player("farm"), [1.0, 2.0], forced=7)])))
    assert any(line.startswith("farm: 7") for line in lines)
    assert not any(line.startswith("heuristic: ") for line in lines)


def judged(*found: Series) -> dict[str, Reading]:
    measured = Measured({each.player.name: each for each in found})
    return {reading.subject: reading for reading in readings(measured)}


def test_a_decision_must_cost_two_points_and_its_interval_be_above_none() -> None:
    scores = [30.0, 31.0, 32.0, 33.0] * 5
    found = judged(
        series(BASE, scores),
        without("guard", [score - 5 for score in scores]),
        without("power", scores),
        without(
            "bomb",
            [score - 3 + 20 * (place % 2) * (-1) ** (place // 2) for place, score in enumerate(scores)],
        ),
    )
    verdicts = {kind: found[f"heuristic without {kind}: loss"].held for kind in ("guard", "power", "bomb")}
    assert verdicts == {"guard": True, "power": False, "bomb": None}


def test_an_exploit_above_the_heuristic_is_named() -> None:
    scores = [30.0, 31.0, 32.0, 33.0]
    found = judged(
        series(BASE, scores),
        series(Player("farm"), [score + 4 for score in scores]),
        series(Player("rush"), [score - 4 for score in scores]),
        series(Player("camp-never"), [29.0, 33.0, 31.0, 35.5]),
    )
    held = {name: found[f"exploit {name}: less heuristic"].held for name in ("farm", "rush", "camp-never")}
    assert held == {"farm": False, "rush": True, "camp-never": None}


def test_the_bars_of_a_run_are_judged() -> None:
    good = series(
        BASE, [30.0, 35.0, 40.0], first_fights=(5, 8, 12), region=2, state_median=900, state_max=2000
    )
    bad = series(
        BASE,
        [5.0, 35.0, 70.0],
        inputs=2000,
        result="turns",
        first_fights=(2, 20),
        state_median=2000,
        state_max=5000,
    )
    kept, broken = judged(good), judged(bad)
    for subject in (
        "heuristic: runs at the limit of turns", "inputs a run, p5 to p95", "heuristic reaches region 2",
        "heuristic: inputs of a level-1 fight, p10 to p90", "standard deviation of the heuristic",
        "state, largest", "state, typical", "somebody reaches region 3",
    ):  # fmt: skip
        assert kept[subject].held is True, subject
        assert broken[subject].held is False, subject


def test_deaths_at_high_health_and_without_an_answer_break_a_bar() -> None:
    subjects = ("median health at the last input of a death", "deaths that no input could have prevented")
    kept = judged(series(BASE, [30.0] * 3, last_health=0.3))
    broken = judged(series(BASE, [30.0] * 3, last_health=0.7, unanswered="before the fight"))
    assert [kept[subject].held for subject in subjects] == [True, True]
    assert [broken[subject].held for subject in subjects] == [False, False]


def test_neighbours_of_the_ladder_must_be_apart() -> None:
    ladder = [series(Player(name), [low, low + 1] * 5) for name, low in (("random", 1.0), ("attack", 5.0))]
    found = judged(*ladder)
    assert found["random and attack"].held is True
    assert judged(ladder[0], series(Player("attack"), [1.0, 3.0]))["random and attack"].held is False


def test_classes_must_be_near_each_other() -> None:
    def of(weapon: str, score: float) -> Series:
        return series(Player("attack", (), (("weapon", weapon),)), [score, score])

    near = [
        of(weapon, score)
        for weapon, score in zip(("mace", "sword", "dagger", "wand"), (4, 4.1, 4.2, 4.3), strict=True)
    ]
    assert judged(*near)["classes of attack"].held is True
    assert judged(*near[:3], of("wand", 6.0))["classes of attack"].held is False
