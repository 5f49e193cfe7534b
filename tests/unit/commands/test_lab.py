"""`lab`: the actions play, print tables and JSON, go on after an interruption, and refuse wrong words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter import cli
from dungeonfighter.commands.lab_arguments import Interruptible, seeds
from dungeonfighter.laboratory import report
from dungeonfighter.laboratory.players import Player
from dungeonfighter.rules.seed_sets import PUBLIC

Output = pytest.CaptureFixture[str]


def lab(*words: str) -> int:
    return cli.main(["lab", *words])


def test_the_ladder_compares_players_and_keeps_their_runs(tmp_path: Path, capsys: Output) -> None:
    kept = str(tmp_path / "runs.jsonl")
    words = ["ladder", "--seeds", "0-1", "--player", "attack", "--without", "guard", "--results", kept]
    assert lab(*words, "--processes", "1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["player"] for row in shown["rows"]] == ["attack", "attack without guard"]
    assert shown["rows"][1]["difference"] == [0.0, 0.0, 2]
    assert shown["complete"]
    assert lab(*words) == 0
    output = capsys.readouterr()
    assert "attack without guard" in output.out
    assert len(Path(kept).read_text(encoding="utf-8").splitlines()) == 4


def test_a_player_option_that_is_given_twice_names_two_players(tmp_path: Path, capsys: Output) -> None:
    kept = str(tmp_path / "runs.jsonl")
    lab("ladder", "--seeds", "0", "--player", "attack", "--player", "auto", "random", "--results", kept)
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("attack", "auto", "random"))
    assert "heuristic" not in shown


def test_the_ladder_of_several_categories_has_a_table_for_each(tmp_path: Path, capsys: Output) -> None:
    kept = ("--results", str(tmp_path / "runs.jsonl"), "--processes", "1")
    words = ("ladder", "--seeds", "5,6", "--player", "attack", "--mode", "short", *kept)
    assert lab(*words, "--ascension", "0,9-10", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert [each["category"] for each in shown] == ["short", "short-9", "short-10"]
    lines = len(Path(kept[1]).read_text(encoding="utf-8").splitlines())
    assert lines == 6
    assert lab(*words, "--ascension", "0,10") == 0
    found = capsys.readouterr().out.splitlines()
    assert found[0] == "short:"
    assert found[-2].split()[:2] == ["short", f"{shown[0]['rows'][0]['score'][0]:.2f}"]
    assert found[-1].split()[:2] == ["short-10", f"{shown[2]['rows'][0]['score'][0]:.2f}"]
    assert len(Path(kept[1]).read_text(encoding="utf-8").splitlines()) == lines


@pytest.mark.long
def test_exploits_choices_regrets_and_fights_print_their_tables(tmp_path: Path, capsys: Output) -> None:
    runs = ("--results", str(tmp_path / "runs.jsonl"), "--max-inputs", "80", "--processes", "1")
    assert lab("exploits", "--seeds", "0", "--only", "farm", *runs) == 0
    assert "\nfarm" in capsys.readouterr().out
    assert lab("choices", "--seeds", "0", *runs) == 0
    assert "\ndoor: " in capsys.readouterr().out
    forks = ("--simulations", "1", "--horizon", "5", "--kinds", "level", "--processes", "1", "--json")
    assert lab("regret", "--seeds", "0", *forks) == 0
    assert json.loads(capsys.readouterr().out)["kinds"][0]["group"] == "level"
    fights = ("--only", "normal, heavy", "--replays", "2", "--processes", "1")
    assert lab("fights", "--seeds", "0-1", *fights, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {row["player"] for row in shown["rows"]} == {"heuristic", "attack"}
    assert all("normal, heavy" in row["position"] or not row["position"] for row in shown["rows"])


def test_the_report_writes_its_document_between_the_marks(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "main_players", lambda: [Player("random"), Player("attack")])
    monkeypatch.setattr(report, "cheap_players", lambda: [Player("attack", (), (("weapon", "mace"),))])
    path = tmp_path / "docs" / "balance.md"
    kept = ("--results", str(tmp_path / "runs.jsonl"), "--processes", "1", "-o", str(path))
    assert lab("report", "--seeds", "0-1", "--fresh", "10-11", "--fewer", "1", "--searched", "0", *kept) == 0
    text = path.read_text(encoding="utf-8")
    assert "| score of attack | 3 to 8 |" in text
    assert "exploits and single answers on the first 1" in text
    assert text.startswith("# Balance")
    assert "written: " in capsys.readouterr().out


def test_a_document_without_marks_is_refused_before_anything_is_played(
    tmp_path: Path, capsys: Output
) -> None:
    path = tmp_path / "notes.md"
    path.write_text("mine", encoding="utf-8")
    assert lab("report", "-o", str(path), "--results", str(tmp_path / "runs.jsonl")) == 2
    assert "between which the report goes" in capsys.readouterr().err
    assert path.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["ladder", "--player", "genius"], "no policy is called 'genius'"),
        (["ladder", "--without", "gard"], "there is no kind 'gard'"),
        (["ladder", "--always", "stance=sleep"], "there is no 'sleep'"),
        (["exploits", "--only", "fly"], "no policy is called 'fly'"),
        (["ladder", "--figures", "absent.json"], "absent.json: cannot be read"),
        (["choices", "--player", "genius"], "no policy is called 'genius'"),
        (["fights", "--finder", "genius"], "no policy is called 'genius'"),
    ],
)
def test_wrong_words_are_refused_with_the_way_out(
    words: list[str], answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lab(*words) == 2
    assert answer in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "a", "5-3", "-3", "1-2-3", "0-99999999", "1,", "99999999999999999999"])
def test_seeds_out_of_range_are_refused(text: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as refused:
        lab("ladder", f"--seeds={text}")
    assert refused.value.code == 2
    assert "seed" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--ascension", "11"], ["--ascension", "5-3"], ["--seeds", "private"]])
def test_wrong_categories_and_sets_are_refused(words: list[str], capsys: Output) -> None:
    with pytest.raises(SystemExit) as refused:
        lab("ladder", *words)
    assert refused.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_seeds_are_ranges_and_single_ones_without_repeats() -> None:
    assert seeds("7") == (7,)
    assert seeds("public") == PUBLIC
    assert seeds("0-2, 2-4,9") == (0, 1, 2, 3, 4, 9)


def test_ctrl_c_stops_the_iteration_and_says_how_far_it_is(capsys: Output) -> None:
    def found() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyboardInterrupt

    progress = Interruptible(9, "runs")
    assert list(progress.over(found())) == [1, 2]
    assert not progress.is_complete
    assert "stopped after 2 of 9 runs" in capsys.readouterr().err
