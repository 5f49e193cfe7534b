"""`replay`: the verdict about a run, from a file of any content or from a database."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from dungeonfighter import cli
from dungeonfighter.replays.replay import FILE_BYTES_MAX, INPUTS_MAX
from tests.unit.hosting.hosts import rules
from tests.unit.trajectories.played import make_database

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{make_database(tmp_path_factory.mktemp('played') / 'games.db')}"


@pytest.fixture
def file(database: str, tmp_path: Path) -> Path:
    """The replay of a run in a file."""
    target = tmp_path / "run.json"
    words = ["replay", "--bot", "ada", "--episode", "1", "--db", database, "-o", str(target)]
    assert cli.main(words) == 0
    return target


def changed(file: Path, **members: Any) -> Path:
    found = json.loads(file.read_bytes())
    file.write_text(json.dumps(found | members))
    return file


def test_a_run_of_a_database_and_its_file_are_as_recorded(database: str, file: Path, capsys: Capture) -> None:
    capsys.readouterr()
    assert cli.main(["replay", "--bot", "ada", "--episode", "1", "--db", database]) == 0
    assert cli.main(["replay", str(file)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.startswith("ada e1 is as recorded: 70 inputs from t0 to t70, abandoned, score ")
    assert json.loads(file.read_bytes())["digests"]


def test_the_last_run_is_the_default(database: str, capsys: Capture) -> None:
    assert cli.main(["replay", "--bot", "local/ada", "--db", database]) == 0
    assert capsys.readouterr().out.startswith("ada e4 is as recorded: 3 inputs from t0 to t3, live, score ")


def test_a_replay_may_go_to_standard_output(database: str, file: Path, capfdbinary: Any) -> None:
    capfdbinary.readouterr()
    assert cli.main(["replay", "--bot", "ada", "--episode", "1", "--db", database, "-o", "-"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == file.read_bytes()
    assert captured.err.startswith(b"ada e1 is as recorded")


def test_a_difference_is_named_with_its_turn(file: Path, capsys: Capture) -> None:
    inputs = json.loads(file.read_bytes())["inputs"]
    changed(file, inputs=[*inputs[:7], "fly", *inputs[8:]])
    capsys.readouterr()
    assert cli.main(["replay", str(file)]) == 1
    assert capsys.readouterr().out.startswith("ada e1 differs at t7: the input 'fly' is not legal: ")


def test_a_damaged_run_of_a_database_is_not_written(database: str, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "run.json"
    words = ["--bot", "damaged", "--episode", "1", "--db", database, "-o", str(target)]
    assert cli.main(["replay", *words]) == 1
    assert capsys.readouterr().out.startswith("damaged e1 differs at t")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("bot", "why"), [("ranked", "live ranked"), ("daily", "with the seed of the day")])
def test_a_hidden_seed_gets_into_no_file(
    database: str, tmp_path: Path, capsys: Capture, bot: str, why: str
) -> None:
    words = ["replay", "--bot", bot, "--episode", "1", "--db", database]
    assert cli.main(words) == 0
    assert f"{bot} e1 is as recorded" in capsys.readouterr().out
    for place in (str(tmp_path / "run.json"), "-"):
        assert cli.main([*words, "-o", place]) == 1
        captured = capsys.readouterr()
        assert f"-o: this run is {why}: its file would show a seed" in captured.err
        assert captured.out == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        ([], 2, "give either the FILE of a replay, or a bot"),
        (["run.json", "--bot", "ada"], 2, "give either the FILE"),
        (["run.json", "-o", "x"], 2, "-o goes with --bot"),
        (["run.json", "--episode", "3"], 2, "--episode goes with --bot"),
        (["--bot", "nobody"], 1, "local/nobody: there is no such bot"),
        (["--bot", "ada", "--episode", "9"], 1, "the bot ada has no run 9; its last run is 4"),
        (["--bot", "pruned", "--episode", "1"], 1, "are not kept any more"),
        (["--bot", "other", "--episode", "1"], 1, f"this release has the rules {rules().identity}"),
        (["--bot", "not an id"], 2, "is not a bot id"),
        (["--bot", "ada", "-o", "/nowhere/run.json"], 1, "cannot write /nowhere/run.json: no such file"),
    ],
)
def test_what_cannot_be_executed_is_named(
    database: str, capsys: Capture, words: list[str], code: int, problem: str
) -> None:
    assert cli.main(["replay", *words, "--db", database]) == code
    assert problem in capsys.readouterr().err


def test_a_run_that_cannot_begin_is_named(file: Path, capsys: Capture) -> None:
    options = json.loads(file.read_bytes())["options"]
    changed(file, options=options | {"nonce": "00" * 16})
    capsys.readouterr()
    assert cli.main(["replay", str(file)]) == 1
    assert capsys.readouterr().out == (
        "ada e1 cannot begin: a ranked run may have a nonce of 16 bytes, another run none\n"
    )


def test_unknown_rules_are_named_with_those_of_this_release(file: Path, capsys: Capture) -> None:
    changed(file, rules="7-0123abcd")
    assert cli.main(["replay", str(file)]) == 1
    wanted = f"this release has the rules {rules().identity}, not 7-0123abcd; --catalog DIR adds"
    assert wanted in capsys.readouterr().err


def test_rules_of_a_designer_are_read_from_their_folder(file: Path, tmp_path: Path, capsys: Capture) -> None:
    from dungeonfighter.rules import load_rules
    from dungeonfighter.rules.catalog import loader

    folder = tmp_path / "mine"
    folder.mkdir()
    packaged = Path(loader.__file__).parent / "content" / "enemies.json"
    text = packaged.read_text(encoding="utf-8")
    name = json.loads(text)[0]["name"]
    (folder / "enemies.json").write_text(text.replace(f'"{name}"', '"Moss Lynx"'), encoding="utf-8")
    mine = load_rules(folder).identity
    assert mine != rules().identity
    changed(file, rules=mine, digests="")
    assert cli.main(["replay", str(file)]) == 1
    capsys.readouterr()
    assert cli.main(["replay", str(file), "--catalog", str(folder)]) == 0
    assert "ada e1 is as recorded" in capsys.readouterr().out
    assert cli.main(["replay", str(file), "--catalog", str(tmp_path / "none")]) == 2


RESULT = b'"result":{"turn":0,"digest":"","score":0,"result":""}'
HEAD = b'{"bot":"a","episode":1,"rules":"1-x","origin":"new",' + RESULT
OPTIONS = b',"options":{"seed":1,"mode":"casual","name":"H"}'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "this is no replay: Input data was truncated"),
        (b"null", "Expected `object`, got `null`"),
        (b"[" * 1_000_000, "this is no replay: "),
        (HEAD + b',"x":' + b"[" * 1_000_000, "recursion"),
        (HEAD + OPTIONS + b',"inputs":[' + b'"1",' * (2 * INPUTS_MAX) + b'"1"]}', "more texts than that"),
        (HEAD + OPTIONS + b',"inputs":["' + b"1" * 49 + b'"]}', "length <= 48 - at `$.inputs[0]`"),
        (HEAD + OPTIONS + b',"inputs":[1]}', "Expected `str`, got `int` - at `$.inputs[0]`"),
        (HEAD + OPTIONS + b',"inputs":["\xff"]}', "codec can't decode byte 0xff"),
        (HEAD + OPTIONS + b',"inputs":["\\ud800"]}', "this is no replay: "),
        (HEAD + OPTIONS + b',"inputs":["1"]}', "1 inputs from t0 on do not lead to t0"),
        (HEAD + OPTIONS + b',"inputs":[],"digests":"00"}', "its digests are 2 digits instead of 8"),
        (HEAD + OPTIONS + b',"inputs":[],"episode":NaN}', "JSON is malformed"),
        (HEAD + OPTIONS + b',"inputs":[],"episode":' + b"9" * 4000 + b"}", "Expected `int` <= 2147483647"),
        (HEAD + OPTIONS + b',"inputs":[],"firstTurn":1e400}', "Number out of range"),
        (HEAD + OPTIONS + b',"inputs":[],"bot":"\\u001b[2J"}', "matching regex"),
        (HEAD + OPTIONS + b',"inputs":[],"rules":"\\u001b[2J"}', "matching regex"),
        (HEAD + b',"inputs":[]}', "it needs either options or a base"),
        (HEAD + b',"inputs":[],"base":"' + b"A" * 8000 + b'"}', "its base has 6000 bytes, more than 4096"),
        (HEAD + b',"inputs":[],"format":"other/1"}', "this release reads dungeonfighter-replay/1"),
    ],
)
def test_a_hostile_file_is_named(tmp_path: Path, capsys: Capture, content: bytes, problem: str) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    assert cli.main(["replay", str(file)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dungeonfighter replay: {file}: ")
    assert problem in line
    assert line.isprintable()


def test_what_is_no_file_is_named(tmp_path: Path, capsys: Capture) -> None:
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "huge").open("wb") as huge:
        huge.truncate(FILE_BYTES_MAX + 1)
    for name, problem in (
        ("fifo", "this is no regular file"),
        ("", "is a directory"),
        ("missing", "no such file or directory"),
        ("huge", f"a replay has at most {FILE_BYTES_MAX} bytes, this file has {FILE_BYTES_MAX + 1}"),
        ("x" * 300, "file name too long"),
    ):
        assert cli.main(["replay", str(tmp_path / name) if name else str(tmp_path)]) == 2
        assert problem in capsys.readouterr().err


def test_a_file_is_written_whole_or_not_at_all(
    database: str, file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", no_space)
    words = ["replay", "--bot", "ada", "--episode", "3", "--db", database, "-o", str(file)]
    assert cli.main(words) == 1
    assert f"-o: cannot write {file}: no space left on device" in capsys.readouterr().err
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_progress_is_written_once_a_second(
    file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(10_000))
    capsys.readouterr()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(seconds)))
    assert cli.main(["replay", str(file)]) == 0
    assert capsys.readouterr().err == "ada e1: 0 of 70 inputs\n"


def test_a_copy_of_a_file_elsewhere_is_the_same_run(file: Path, tmp_path: Path, capsys: Capture) -> None:
    shutil.copy(file, tmp_path / "copy.json")
    assert cli.main(["replay", str(tmp_path / "copy.json")]) == 0
    assert "as recorded" in capsys.readouterr().out
