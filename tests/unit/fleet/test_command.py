"""What the commands refuse before anything is sent, in one line with exit code 2."""

from __future__ import annotations

import argparse

import pytest

from dungeonfighter import demo
from dungeonfighter.fleet import command


def parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser.parse_args(["http://127.0.0.1:9", *words])


@pytest.mark.parametrize("prefix", ["b b", "", "-x", "a/b", "a" * 123])
def test_a_prefix_that_makes_no_bot_ids_is_refused(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.run(parsed([f"--prefix={prefix}"])) == 2
    told = capsys.readouterr().err
    assert told.startswith("fleet: --prefix: ")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "word"),
    [("bots", "0"), ("bots", "-1"), ("seconds", "-1"), ("rate", "nan"), ("turns", "-5"), ("seed", "-1"),
     ("patience", "-0.5"), ("timeout", "inf")],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(name: str, word: str) -> None:
    with pytest.raises(SystemExit) as refusal:
        parsed([f"--{name}={word}"])
    assert refusal.value.code == 2


@pytest.mark.parametrize("word", ["--bots=0", "--bots=-3", "--rate=-1", "--seconds=-1", "--rate=nan"])
def test_the_demonstration_refuses_them_too(word: str) -> None:
    parser = argparse.ArgumentParser()
    demo.add_arguments(parser)
    with pytest.raises(SystemExit) as refusal:
        parser.parse_args([word])
    assert refusal.value.code == 2
