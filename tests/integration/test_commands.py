"""The other commands: help, the database in the user's data folder, the demonstration."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dungeonfighter.cli import COMMANDS, main

COMMAND = [sys.executable, "-m", "dungeonfighter"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_help_text(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"dungeonfighter {name}" in capsys.readouterr().out


def test_without_a_command_the_usage_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="the data folder has another name on other systems")
def test_play_continues_the_game_from_any_working_directory(tmp_path: Path) -> None:
    def play(folder: str, lines: str) -> str:
        (tmp_path / folder).mkdir()
        environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "my data")}
        environment.pop("DB_CONNECTION_STRING", None)
        done = subprocess.run(
            [*COMMAND, "play", "--bot", "ada"], cwd=tmp_path / folder, env=environment, input=lines,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    assert "run 1, turn 0" in play("here", "1\n")
    assert "run 1, turn 1" in play("there", "q\n")
    assert (tmp_path / "my data" / "dungeonfighter" / "dungeonfighter.db").exists()


def demo(folder: Path, **settings: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "demo", "--bots", "5", "--rate", "100"],
        cwd=folder,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_demonstration_ends_by_itself_and_loses_no_turn(tmp_path: Path) -> None:
    running = demo(tmp_path, DEMO_SECONDS="2")
    output, _ = running.communicate()
    assert running.returncode == 0, output
    assert "Watch them play:  http://127.0.0.1:" in output
    assert "Nothing was lost" in output


def test_an_interrupt_ends_the_demonstration_without_loss(tmp_path: Path) -> None:
    running = demo(tmp_path, DEMO_SECONDS="")
    assert running.stdout is not None
    for line in running.stdout:
        if " turns " in line:
            break
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate()
    assert running.returncode == 0, output
    assert "Nothing was lost" in output


def test_a_wrong_number_of_seconds_is_refused(tmp_path: Path) -> None:
    running = demo(tmp_path, DEMO_SECONDS="soon")
    output, _ = running.communicate()
    assert running.returncode == 2
    assert "DEMO_SECONDS" in output


@pytest.mark.parametrize("command", ["play", "stdio"])
def test_a_command_for_one_person_names_its_default_database(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    assert "(default: dungeonfighter.db in your user data folder)" in " ".join(
        capsys.readouterr().out.split()
    )
