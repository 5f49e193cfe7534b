"""Figures to try: they reach the rules of another process, constants follow, and wrong ones are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.laboratory.figures import Figures, changed, open_rules, read_figures
from dungeonfighter.laboratory.processes import perform_all
from dungeonfighter.rules import load_rules, tables
from tests.unit.laboratory.made_up import AskTables, AskTalent


def written(folder: Path, figures: object) -> Path:
    path = folder / "figures.json"
    path.write_text(json.dumps(figures), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("value", "given", "expected"),
    [
        (250, 290, 290),
        ((1, 2, 3), [4, 5, 6], (4, 5, 6)),
        ((1, (2, 3)), [1, [5, 6]], (1, (5, 6))),
        ((0, 0, 0, 0), {"curve": [112, 52, 11.7]}, (71, 112, 175, 262)),
        ((10, 15), {"scale": 1.1}, (11, 16)),
        (250, {"scale": 0.5}, 125),
        ((1, 2, 3), {"at": {"2": 9}}, (1, 2, 9)),
        ({5: 2, 6: 1}, {"at": {"5": 3}}, {5: 3, 6: 1}),
    ],
)
def test_a_figure_changes_a_value(value: object, given: object, expected: object) -> None:
    assert changed(value, given) == expected


@pytest.mark.parametrize(
    ("value", "given"),
    [(250, [1]), (250, "300"), ((1, 2), [1]), ((1, 2), 3), ((1, 2), {"at": {"7": 1}}),
     (1, {"curve": [1, 2, 3]}), ((1, 2), {"sale": 2}), (1, 1.5)],
)  # fmt: skip
def test_a_figure_of_another_shape_is_refused(value: object, given: object) -> None:
    with pytest.raises(ValueError, match=r"place|replaces|rule"):
        changed(value, given)


def test_all_wrong_names_are_refused_at_once(tmp_path: Path) -> None:
    figures = {
        "tables": {"HEALT": 400, "ROLL": [1]},
        "limits": {"seed_max": 1},
        "catalogue": {"talents": {"ripost": {"amount": 1}}},
    }
    with pytest.raises(SettingsError) as refused:
        read_figures(written(tmp_path, figures))
    problems = "\n".join(refused.value.problems)
    for word in ("HEALT", "ROLL", "seed_max", "ripost"):
        assert word in problems


@pytest.mark.parametrize("text", ["[]", "{", '{"tabels": {}}', '{"limits": {"bag_items_max": "3"}}'])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "figures.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError):
        read_figures(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_figures(tmp_path / "absent.json")


def test_the_identity_of_figures_says_which_they_are(tmp_path: Path) -> None:
    none, one, other = Figures(), Figures({"HEALTH": 1}), Figures({"HEALTH": 2})
    assert (none.identity, bool(none)) == ("", False)
    assert len({one.identity, other.identity}) == 2
    assert read_figures(written(tmp_path, {"tables": {"HEALTH": 1}})).identity == one.identity


def ask(job: Any, figures: Figures) -> Any:
    (answer,) = perform_all([job], 1, figures)
    return answer


def test_figures_reach_the_rules_of_a_process_and_other_constants_follow() -> None:
    before = {name: getattr(tables, name) for name in ("PERIOD", "PERIODS", "HIT_STEPS", "HEALTH")}
    figures = Figures({"PERIOD": 4000, "HIT_MILESTONES": [1, 2, 3, 4, 5], "HEALTH": {"scale": 2}})
    found = ask(AskTables(("PERIOD", "PERIODS", "HIT_STEPS", "HEALTH", "AMP")), figures)
    assert found["HEALTH"] == 2 * tables.HEALTH
    assert found["PERIODS"][0][0] == tables.PERIODS[0][0] // 2
    assert found["HIT_STEPS"][5] == 5
    assert found["AMP"] == tables.AMP
    assert found["identity"] == f"{load_rules().identity}+{figures.identity}"
    assert before == {name: getattr(tables, name) for name in before}, "the figures reached this process"


@pytest.mark.long
def test_rows_of_the_catalogue_change_for_rules_and_policies() -> None:
    figures = Figures(catalogue={"talents": {"riposte": {"amount": 1234}}})
    assert ask(AskTalent("riposte"), figures) == (1234, 1234)


def test_figures_that_break_the_rules_are_named_instead_of_hanging() -> None:
    figures = Figures(catalogue={"talents": {"riposte": {"key": "no such key"}}})
    with pytest.raises(SettingsError, match="riposte"):
        ask(AskTalent("riposte"), figures)


def test_figures_need_a_process_of_their_own() -> None:
    with pytest.raises(RuntimeError, match="imported"):
        open_rules(Figures({"HEALTH": 1}))
    with pytest.raises(ValueError, match="process"):
        next(iter(perform_all([AskTables(("HEALTH",))], 0, Figures({"HEALTH": 1}))))
