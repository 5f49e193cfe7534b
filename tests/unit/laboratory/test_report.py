"""The report goes between its marks; what is written by hand stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.laboratory import report
from dungeonfighter.laboratory.bars import Reading
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.result_files import Origin
from tests.unit.laboratory.made_up import run

SETS = [report.SeedSet("tuned", (0, 1), 1), report.SeedSet("fresh", (10, 11), 1)]


def test_a_set_plays_the_ladder_on_all_seeds_and_the_rest_on_fewer() -> None:
    jobs = SETS[0].jobs(100)
    by_seed = {seed: {job.player.name for job in jobs if job.seed == seed} for seed in (0, 1)}
    assert {"heuristic", "random", "heuristic without camp", "farm", "heuristic always door=trap"} <= by_seed[
        0
    ]
    assert {"heuristic", "random", "heuristic without camp"} <= by_seed[1]
    assert not {"farm", "heuristic always door=trap"} & by_seed[1]


def test_the_measured_part_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    path = tmp_path / "balance.md"
    first = report.written(path, "one")
    path.write_text(
        first.replace("# Balance", "# Balance\n\nBy hand.") + "\nAlso by hand.\n", encoding="utf-8"
    )
    second = report.written(path, "two")
    assert "By hand." in second
    assert "Also by hand." in second
    assert "one" not in second
    assert second.index(report.BEGIN) < second.index("two") < second.index(report.END)


def test_a_document_without_marks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="between which"):
        report.written(path, "text")


def test_the_tables_have_both_sets_and_one_verdict() -> None:
    runs = [
        run(name, seed, score)
        for seed in (0, 1, 10, 11)
        for name, score in (
            ("heuristic", 35.0 + seed % 10), ("farm", 20.0 + seed % 10), ("random", 1.0 + seed % 10 / 10),
            ("heuristic without guard", 20.0 + seed % 10),
        )
    ]  # fmt: skip
    text = report.markdown(Origin("1-0", "c"), SETS, runs)
    line = next(line for line in text.splitlines() if line.startswith("| heuristic without guard: loss"))
    assert line.count("15.00 +- 0.00") == 2
    assert line.endswith("| yes |")
    assert "### Exploits, fresh" in text
    assert all(len(one) <= 110 or one.startswith("|") for one in text.splitlines())


@pytest.mark.parametrize(
    ("held", "expected"), [([True, True], True), ([True, None], None), ([None, False], False), ([True], True)]
)
def test_one_broken_set_breaks_a_bar(held: list[bool | None], expected: bool | None) -> None:
    assert report.verdict([None, *(Reading("", "", "", one) for one in held)]) is expected


def test_seeds_are_shown_as_a_range_if_they_are_one() -> None:
    assert report.shown((3, 4, 5)) == "3-5"
    assert report.shown((3, 9)) == "3 to 9, 2 of them"
    assert report.shown(()) == "none"


def test_every_player_of_the_report_exists() -> None:
    names = [player.name for player in [*report.main_players(), *report.cheap_players()]]
    assert len(names) == len(set(names)) > 80
    assert all(isinstance(player, Player) for player in report.cheap_players())
