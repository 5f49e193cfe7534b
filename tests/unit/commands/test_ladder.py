"""`ladder`: the command plays, prints JSON, and refuses bad arguments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from dungeonfighter import cli
from dungeonfighter.commands import ladder
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.catalog.loader import packaged_files
from dungeonfighter.rules.seed_sets import PUBLIC


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    ladder.add_arguments(parser)
    return parser.parse_args(words)


def test_the_command_plays_and_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = ladder.run(
        arguments(
            "--seeds", "2", "--policies", "attack,random", "--max-inputs", "60", "--jobs", "1", "--json"
        )
    )
    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert [rung["policy"] for rung in shown["rungs"]] == ["attack", "random"]
    assert shown["complete"]


def test_the_command_plays_public_seeds_in_the_short_mode(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--seeds", "public", "--mode", "short", "--ascension", "3", "--policies", "attack")
    assert ladder.run(arguments(*words, "--max-inputs", "9", "--jobs", "1", "--json")) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["seeds"], shown["first_seed"], shown["category"]) == (len(PUBLIC), PUBLIC[0], "short-3")
    assert shown["rungs"][0]["runs"] == len(PUBLIC)


def test_the_command_plays_content_files_of_ones_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = json.loads(packaged_files()["enemies"])
    rows[0]["amount"] += 1
    (tmp_path / "enemies.json").write_text(json.dumps(rows), encoding="utf-8")
    words = ("--seeds", "1", "--policies", "attack", "--max-inputs", "9", "--jobs", "1", "--json")
    assert ladder.run(arguments(*words, "--catalog", str(tmp_path))) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["rules"] == load_rules(tmp_path).identity != load_rules().identity
    (tmp_path / "enemies.json").write_text("[{}]", encoding="utf-8")
    assert cli.main(["ladder", *words, "--catalog", str(tmp_path)]) == 2
    assert "enemies.json row 1: " in capsys.readouterr().err


def test_an_unknown_policy_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ladder", "--policies", "genius"]) == 2
    assert capsys.readouterr().err.startswith("dungeonfighter ladder: no policy is called 'genius'")


@pytest.mark.parametrize(
    "word",
    [
        "--seeds=0",
        "--seeds=-2",
        "--first-seed=-1",
        "--max-inputs=0",
        "--jobs=0",
        "--ascension=11",
        "--ascension=x",
        "--mode=casual",
        "--seeds=private",
    ],
)
def test_numbers_out_of_range_are_refused(word: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        arguments(word)
    assert refusal.value.code == 2


def test_a_ladder_of_no_policies_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["ladder", "--policies", ","]) == 2
    assert capsys.readouterr().err.startswith("dungeonfighter ladder: --policies: names no policy")
