"""A planted leak is found in recorded samples, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from soak.judgement import BOUNDS, Bound, Judged, judge
from soak.report import missed, plot, slopes, text
from soak.samples import Sample, Soak, read, write

RECORDED = Path(__file__).parent / "recorded.json"
"""A soak of twelve minutes on PostgreSQL, on a machine that was too slow for all of its bots."""
MEMORY = next(bound for bound in BOUNDS if bound.series == "memory")


@pytest.fixture
def recorded() -> Soak:
    soak = read(RECORDED)
    soak.bots = soak.came
    soak.refused = {"illegal_input": 5_000}  # it was recorded before there were any
    return soak


def leaking(soak: Soak, series: str, per_bot: float) -> Soak:
    for sample in soak.samples:
        sample.values[series] += per_bot * sample.bots
    return soak


def judged(soak: Soak, series: str) -> Judged:
    return next(one.judged for one in slopes(soak) if one.bound.series == series)


def test_the_recorded_soak_is_flat(recorded: Soak) -> None:
    assert missed(recorded) == []


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.series)
def test_a_leak_of_three_times_the_bound_is_found(recorded: Soak, bound: Bound) -> None:
    leaking(recorded, bound.series, 3 * bound.slope_max)
    assert judged(recorded, bound.series) is Judged.grows
    assert missed(recorded) == [f"{bound.what}: {Judged.grows}"]


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.series)
def test_a_leak_at_the_bound_is_not_called_flat(recorded: Soak, bound: Bound) -> None:
    leaking(recorded, bound.series, 1.5 * bound.slope_max)
    assert judged(recorded, bound.series) is not Judged.flat


def test_one_peak_is_no_leak(recorded: Soak) -> None:
    recorded.samples[-1].values["memory"] *= 3
    assert judged(recorded, "memory") is Judged.flat


def test_a_step_in_the_warm_up_is_not_judged(recorded: Soak) -> None:
    for sample in recorded.samples:
        if sample.seconds >= recorded.warm_up_seconds:
            sample.values["memory"] += 500e6
    assert judged(recorded, "memory") is Judged.flat


def test_few_samples_are_too_short(recorded: Soak) -> None:
    recorded.samples = recorded.judged_samples()[:20]
    assert judged(recorded, "memory") is Judged.too_short


def test_noise_that_hides_a_leak_is_undecided() -> None:
    dice = Random(1)
    bots = [1000.0 * number for number in range(100)]
    values = [100e6 + dice.uniform(-20e6, 20e6) for _ in bots]
    assert judge(bots, values, MEMORY).judged is Judged.undecided


def test_the_interval_holds_the_true_slope_in_most_cases() -> None:
    dice = Random(2)
    bots = [1000.0 * number for number in range(120)]
    holding = 0
    for _ in range(200):
        found = judge(bots, [40.0 * at + dice.gauss(0, 3e6) for at in bots], MEMORY)
        holding += found.low <= 40.0 <= found.high
    assert 180 <= holding <= 199


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"findings": {"lost": 1}}, "turns lost, doubled or wrong: lost 1"),
        ({"errors": {"timeout": 2}}, "errors after all repeats: timeout 2"),
        ({"left_open": 9}, "9 connections were not closed after their bots hung up"),
        ({"refused": {}}, "0 of 0 calls that must be refused were not"),
        (
            {"refused": {"illegal_input": 4997, "accepted": 3}},
            "3 of 5000 calls that must be refused were not",
        ),
        ({"verified_turns": 0}, "no turn was verified"),
        ({"came": 5, "bots": 9}, "5 of 9 bots came: this machine was too slow for the rate"),
    ],
)
def test_what_is_not_as_it_must_be_is_named(recorded: Soak, change: dict[str, object], named: str) -> None:
    for name, value in change.items():
        setattr(recorded, name, value)
    assert missed(recorded) == [named]
    assert f"MISSED: {named}" in text(recorded)


def test_an_empty_soak_has_a_report() -> None:
    soak = Soak(60, 1_000_000, "postgresql", 900)
    assert "no turn was verified" in text(soak)


def test_a_plot_shows_the_ends_of_a_series() -> None:
    samples = [Sample(float(at), at, at, {"memory": 1e6 * at}) for at in range(100)]
    lines = plot("memory", samples)
    assert lines[1].startswith("   99.0 MB |")
    assert lines[1].rstrip().endswith("*")
    assert lines[7].startswith("    0.0 MB |*")


def test_a_file_is_read_as_it_was_written(tmp_path: Path, recorded: Soak) -> None:
    write(tmp_path / "folder" / "soak.json", recorded)
    assert read(tmp_path / "folder" / "soak.json") == recorded
