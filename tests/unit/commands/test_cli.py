"""The command line: one command is imported at a time, and all commands speak the same way."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dungeonfighter import cli
from tests.unit.house.sources import MODULES, PACKAGE, dotted_name, parsed


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_module_has_both_functions(name: str) -> None:
    command = importlib.import_module(f"dungeonfighter.commands.{name.replace('-', '_')}")
    assert list(inspect.signature(command.add_arguments).parameters) == ["parser"]
    assert list(inspect.signature(command.run).parameters) == ["arguments"]


def test_the_help_text_imports_no_command() -> None:
    code = (
        "import sys\n"
        "from dungeonfighter import cli\n"
        "try:\n    cli.main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('dungeonfighter.commands')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_only_commands_and_settings_import_argparse() -> None:
    importing = {
        dotted_name(path)
        for path in MODULES
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Import) and any(alias.name == "argparse" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "argparse")
    }
    allowed = {f"{PACKAGE.name}.cli", f"{PACKAGE.name}.settings"}
    assert {name for name in importing if not name.startswith(f"{PACKAGE.name}.commands.")} == allowed


COMMANDS: Final = ([], *([name] for name in cli.COMMANDS), ["db", "migrate"], ["db", "import-saves"])


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main([*words, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("words", COMMANDS[1:], ids=" ".join)
def test_every_help_has_an_example_that_parses(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = help_of(words, capsys).rpartition("Example: dungeonfighter ")[2].split()
    assert example[0] == words[0]
    ran: list[argparse.Namespace] = []
    command = importlib.import_module(f"dungeonfighter.commands.{words[0].replace('-', '_')}")

    def record(arguments: argparse.Namespace) -> int:
        ran.append(arguments)
        return 0

    monkeypatch.setattr(command, "run", record)
    assert cli.main(example) == 0
    assert len(ran) == 1


def options_of(name: str) -> Iterator[argparse.Action]:
    parser = argparse.ArgumentParser()
    importlib.import_module(f"dungeonfighter.commands.{name.replace('-', '_')}").add_arguments(parser)
    yield from parser._actions


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_default_is_named_in_one_form(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shown = help_of([name], capsys)
    assert re.findall(r"\bdefault\b(?!:)", shown) == []
    without = [
        option.option_strings[0]
        for option in options_of(name)
        if option.option_strings
        and option.default not in {None, argparse.SUPPRESS, False}
        and "(default: " not in (option.help or "")
        and option.help != argparse.SUPPRESS
    ]
    assert without == []


def refusal(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the errors of words that the parser refuses."""
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [
        (["serve", "--prot", "80"], "serve", "unknown argument: --prot; did you mean --port?"),
        (["serve", "--prot=80"], "serve", "unknown argument: --prot; did you mean --port?"),
        (["serve", "now"], "serve", "unknown argument: now (--help"),
        (["serve", "--xyzzy"], "serve", "unknown argument: --xyzzy (--help"),
        (["db", "migrate", "--bd", "x"], "db migrate", "unknown argument: --bd; did you mean --db?"),
        (["db", "migrat"], "db", "ACTION: invalid choice: 'migrat'"),
        (["play", "--color", "pink"], "play", "--color: invalid choice: 'pink'"),
        (["ladder", "--seeds", "x"], "ladder", "--seeds: 'x' must be a whole number of at least 1"),
        (["fleet"], "fleet", "the following arguments are required: URL"),
        (["--prot", "serve"], "", "unknown argument: --prot (--help"),
    ],
)
def test_wrong_words_get_the_usage_of_the_command_and_the_reason(
    words: list[str], name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    program = f"dungeonfighter {name}".strip()
    error = refusal(words, capsys)
    assert error.startswith(f"usage: {program} ")
    assert error.splitlines()[-1].startswith(f"{program}: {expected}")


def test_a_mistyped_command_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    error = refusal(["srve"], capsys)
    assert "dungeonfighter: no command is called 'srve'; did you mean serve?" in error


def error_of(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of a command that fails."""
    assert cli.main(words) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"dungeonfighter {words[0]}")
    return line


@pytest.mark.parametrize("words", [["play"], ["stdio"], ["serve", "--port", "0"], ["db", "migrate"]])
def test_a_missing_folder_of_the_database_is_named(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_of([*words, "--db", f"sqlite:///{tmp_path}/no/a.db"], 1, capsys)
    assert f"the folder {tmp_path}/no of the database does not exist; make it, or " in line
    assert ".lock" not in line


def test_a_folder_or_a_file_in_the_wrong_place_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes").write_text("")
    line = error_of(["db", "migrate", "--db", f"sqlite:///{tmp_path}"], 1, capsys)
    assert f"the database {tmp_path} is a folder; name a file with --db" in line
    line = error_of(["db", "migrate", "--db", f"sqlite:///{tmp_path}/notes/a.db"], 1, capsys)
    assert f"the folder {tmp_path}/notes of the database is a file" in line


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no folder that nobody can write")
def test_a_folder_that_cannot_be_written_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    line = error_of(["db", "migrate", "--db", "sqlite:////proc/a.db"], 1, capsys)
    assert "the folder /proc cannot be written: " in line
    assert ".lock" not in line


@pytest.mark.parametrize("words", [["play"], ["stdio"], ["db", "migrate"]])
def test_an_unreachable_postgresql_is_named_with_advice_and_without_a_password(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = error_of([*words, "--db", "postgresql://u:secret@127.0.0.1:1/games"], 1, capsys)
    assert "cannot be reached" in line
    assert "(postgresql://127.0.0.1:1/games); check that PostgreSQL runs there" in line
    assert "sqlite" not in line
    assert "secret" not in line


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    words = ["ladder", "--seeds", "1", "--max-inputs", "5", "--jobs", "1"]
    command = [sys.executable, "-m", "dungeonfighter", *words]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")
