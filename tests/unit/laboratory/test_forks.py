"""Frozen fights and forks: the positions are found anew, the dice are fair, and a known best is found."""

from __future__ import annotations

from functools import cache

from dungeonfighter.laboratory.fights import FightJob, rows_of, table
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.positions import Position, SearchJob, descriptions, first_of_each
from dungeonfighter.laboratory.regret import Fork, ForkJob, regrets_of
from dungeonfighter.laboratory.regret import table as regret_table
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.state import Intent
from tests.unit.rules import position


@cache
def found() -> dict[str, Position]:
    """Return the positions of two runs of 250 inputs."""
    return first_of_each(SearchJob(Player("heuristic"), seed, 250).perform(load_rules()) for seed in (1, 0))


def test_there_are_about_sixty_descriptions_with_names_of_their_own() -> None:
    names = [one.name for one in descriptions()]
    assert 55 <= len(names) == len(set(names)) <= 65


def test_positions_fit_their_descriptions_wherever_they_are_found() -> None:
    rules, by_name = load_rules(), {one.name: one for one in descriptions()}
    assert len(found()) > 12
    for name, place in found().items():
        o = rules.observe(rules.decode(place.state))
        assert o.combat is not None
        assert o.combat.rank == by_name[name].rank
        assert by_name[name].condition(o, o.combat)


def test_the_lowest_seed_gives_the_position() -> None:
    low, high = Position("normal, heavy next", 3, 7, b""), Position("normal, heavy next", 5, 2, b"")
    assert first_of_each([[high], [low]]) == {"normal, heavy next": low}
    assert first_of_each([[low], [high]]) == {"normal, heavy next": low}


def test_fights_end_and_are_repeatable() -> None:
    place = next(iter(found().values()))
    job = FightJob(Player("heuristic"), place, 6)
    one, other = (job.perform(load_rules()) for _ in range(2))
    assert one == other
    assert len({(outcome.health, outcome.inputs) for outcome in one.outcomes}) > 1, "all dice are the same"
    assert all(not (outcome.won and outcome.died) for outcome in one.outcomes)


def test_a_player_that_never_acts_wins_fewer_fights() -> None:
    rules = load_rules()
    state = position.combat_state(intent=Intent.normal, at=5000, health=30, period=7600)
    place = Position("a fight", 0, 0, rules.encode(state))
    players = [Player("attack"), Player("attack", (), (("stance", "guard"),))]
    rows = rows_of(
        [FightJob(player, place, 12).perform(rules) for player in players],
        [player.name for player in players],
    )
    assert rows[0].won.mean > rows[1].won.mean
    assert rows[1].difference is not None
    assert rows[1].difference.mean < 0
    assert len(list(table(rows))) == 2 + len(rows)


def test_a_fork_finds_the_better_option_and_verifies_it_with_other_dice() -> None:
    jobs = [
        ForkJob(Player("attack"), seed, simulations=3, horizon=30, groups=("fight", "room"), inputs_max=60)
        for seed in (2, 6)
    ]
    forks = [fork for job in jobs for fork in job.perform(load_rules())]
    assert {fork.group for fork in forks} == {"fight", "room"}
    assert all(fork.claimed >= 0 for fork in forks)
    better = [fork for fork in forks if fork.best != fork.taken]
    assert better, "attack rests and drinks as if there were no better input"
    assert {fork.verified for fork in better} != {fork.claimed for fork in better}, "the dice are the same"
    assert all(fork.verified == 0 for fork in forks if fork.best == fork.taken)
    assert jobs[0].perform(load_rules()) == [fork for fork in forks if fork.seed == 2]


def test_a_gain_below_the_least_one_is_no_deviation() -> None:
    job = ForkJob(
        Player("attack"), 1, simulations=2, horizon=10, groups=("fight",), least_gain=99, inputs_max=60
    )
    (fork,) = job.perform(load_rules())
    assert (fork.best, fork.claimed, fork.verified) == (fork.taken, 0.0, 0.0)


def test_regrets_are_means_a_decision() -> None:
    forks = [
        Fork("p", 0, 5, "door", "trap", "treasure", 4.0, 1.0),
        Fork("p", 1, 5, "door", "trap", "trap", 0.0, 0.0),
    ]
    (row,) = regrets_of(forks)
    assert (row.decisions, row.deviates, row.claimed.mean, row.verified.mean) == (2, 0.5, 2.0, 0.5)
    assert any(line.startswith("door") for line in regret_table([row]))
