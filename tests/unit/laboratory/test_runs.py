"""A recorded run: the same job gives the same record, and its facts agree with each other."""

from __future__ import annotations

from functools import cache

from msgspec.structs import replace

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.bots.runner import play_run
from dungeonfighter.laboratory.choices import choices_of
from dungeonfighter.laboratory.choices import table as choices_table
from dungeonfighter.laboratory.measuring import jobs_of
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.processes import perform_all
from dungeonfighter.laboratory.runs import Run, RunJob
from dungeonfighter.rules import load_rules


@cache
def recorded(policy: str, seed: int, inputs_max: int = 3000) -> Run:
    return RunJob(Player(policy), seed, inputs_max, counts_options=True).perform(load_rules())


def test_a_recorded_run_is_the_run_that_the_ladder_plays() -> None:
    for policy, seed in (("attack", 1), ("auto", 2), ("random", 3)):
        run = recorded(policy, seed)
        played = play_run(load_rules(), make_policy(policy, seed), seed)
        assert (run.score, run.inputs, run.turns, run.result, run.level) == (
            played.score, played.inputs, played.turns, played.result, played.level,
        )  # fmt: skip


def test_a_death_has_a_place_and_a_share_of_health() -> None:
    run = recorded("attack", 1)
    assert run.result == "died"
    assert 0 < run.last_health <= 1
    assert run.last_place in {"Combat", "Dungeon"}
    assert all(count > 0 for count in run.first_fights)
    assert run.first_fights
    assert 300 < run.state_median <= run.state_max <= 4096


def test_jobs_go_seed_by_seed_so_that_a_part_of_them_has_pairs() -> None:
    jobs = jobs_of([Player("attack"), Player("auto"), Player("attack")], (4, 7), inputs_max=9)
    assert [(job.player.name, job.seed) for job in jobs] == [
        ("attack", 4),
        ("auto", 4),
        ("attack", 7),
        ("auto", 7),
    ]


def test_processes_give_the_same_runs_as_this_one() -> None:
    jobs = [RunJob(Player(policy), seed) for policy in ("attack", "auto") for seed in range(2)]
    here, there = (
        sorted(perform_all(jobs, processes), key=lambda run: (run.player, run.seed)) for processes in (0, 2)
    )
    assert [replace(run, cpu_seconds=0) for run in here] == [replace(run, cpu_seconds=0) for run in there]


def test_options_are_counted_once_a_decision() -> None:
    run = recorded("heuristic", 4, 300)
    fight = {name: counts for name, counts in run.options.items() if name.startswith("fight: ")}
    assert fight["fight: attack"].offered == fight["fight: guard"].offered
    assert sum(counts.taken for counts in run.options.values()) == run.inputs
    assert all(0 <= counts.taken <= counts.offered for counts in run.options.values())


def test_the_score_after_an_option_is_what_was_gained_from_then_on() -> None:
    run = recorded("attack", 1)
    weapon = next(
        counts for name, counts in run.options.items() if name.startswith("weapon: ") and counts.taken
    )
    assert weapon.after_taken == run.score


def test_choices_are_means_over_runs() -> None:
    runs = [recorded("attack", 1), recorded("attack", 2)]
    chosen = {choice.option: choice for choice in choices_of(runs)}
    assert chosen["weapon: mace"].offered == 1
    attack = chosen["fight: attack"]
    assert attack.taken == attack.offered
    assert attack.after_skipped.size == 0
    assert any("fight: attack" in line for line in choices_table(list(chosen.values())))
