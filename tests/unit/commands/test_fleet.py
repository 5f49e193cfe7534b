"""`fleet` and `demo` refuse bad arguments before they send a request: one line, exit code 2."""

from __future__ import annotations

import argparse
from typing import Final

import pytest

from dungeonfighter import cli
from dungeonfighter.commands import demo, fleet

LOCAL: Final = "http://127.0.0.1:9"
PUBLIC: Final = "http://game.example.org"


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    fleet.add_arguments(parser)
    return parser.parse_args([LOCAL, *words])


@pytest.mark.parametrize("prefix", ["b b", "", "-x", "a/b", "a" * 123])
def test_a_prefix_that_makes_no_bot_ids_is_refused(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fleet", LOCAL, f"--prefix={prefix}"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("dungeonfighter fleet: --prefix: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "word"),
    [("bots", "0"), ("bots", "-1"), ("seconds", "-1"), ("rate", "nan"), ("turns", "-5"), ("seed", "-1"),
     ("patience", "-0.5"), ("timeout", "inf"), ("every", "-1"), ("processes", "0"), ("warm-up", "nan"),
     ("sources", "-1"), ("ascension", "11"), ("ascension", "-1"), ("mode", "daily")],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name: str, word: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        parsed([f"--{name}={word}"])
    assert refusal.value.code == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--rate=5", "--every=1"], "--rate and --every"),
        (["--ramp=5"], "--ramp"),
        (["--bots=10000000", "--processes=2"], "--bots: a process may have "),
        (["--view=text", "--policy=heuristic"], "--view: policy heuristic needs json"),
        (["--report=no/such/folder/a.json"], "--report: the folder no/such/folder does not exist"),
        (["--report=."], "--report: . is a folder"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["fleet", LOCAL, *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"dungeonfighter fleet: {expected}")
    assert error.count("\n") == 1


def test_loopback_source_addresses_are_refused_for_another_machine(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["fleet", PUBLIC, "--sources=3"]) == 2
    assert capsys.readouterr().err.startswith("dungeonfighter fleet: --sources ")


@pytest.mark.parametrize("word", ["--bots=0", "--bots=-3", "--rate=-1", "--seconds=-1", "--rate=nan"])
def test_the_demonstration_refuses_numbers_out_of_range(word: str) -> None:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    with pytest.raises(SystemExit) as refusal:
        parser.parse_args([word])
    assert refusal.value.code == 2


def test_an_address_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fleet", "ftp://host"]) == 2
    assert capsys.readouterr().err.startswith("dungeonfighter fleet: URL: not an http or https address")


def test_the_demonstration_refuses_an_unknown_policy_before_it_starts_a_server(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["demo", "--policy", "genius"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("dungeonfighter demo: no policy is called 'genius'")
    assert captured.out == ""
