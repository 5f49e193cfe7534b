"""The terminal over a real host on a SQLite file: a person plays, leaves in every way, and comes back."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import re
import signal
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

import apsw
import pytest

from dungeonfighter import cli
from dungeonfighter.commands import play, terminal
from dungeonfighter.commands.terminal import Keeping
from dungeonfighter.connection_strings import parse_database
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import Mode, load_rules
from dungeonfighter.settings import Settings
from dungeonfighter.storage.sqlite import SqliteStore
from dungeonfighter.terminal.screen import Screen

Line = str | BaseException


class Shown(io.StringIO):
    """A pipe that keeps each printed text; `texts` has also the prompts."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def write(self, text: str) -> int:
        if text != "\n":
            self.texts.append(text)
        return super().write(text)


def turns(shown: Iterable[str]) -> list[tuple[int, int]]:
    """Return run and turn of each view."""
    found = (re.search(r" run (\d+), turn (\d+)$", text, re.MULTILINE) for text in shown)
    return [(int(one[1]), int(one[2])) for one in found if one]


class Script:
    """Lines that a person types; an exception stands for the key that raises it.

    Args:
        is_typed: False for lines from a file.
    """

    def __init__(self, lines: Iterable[Line], shown: list[str], *, is_typed: bool = True) -> None:
        self.is_typed = is_typed
        self._lines = iter(lines)
        self._shown = shown
        self.remembered: list[str] = []

    def ask(self, prompt: str) -> str:
        self._shown.append(prompt)
        line = next(self._lines)
        if isinstance(line, BaseException):
            raise line
        return line

    def remember(self, line: str) -> None:
        self.remembered.append(line)


@contextlib.asynccontextmanager
async def open_host(database: Path) -> AsyncIterator[BotHost]:
    store = SqliteStore(database)
    await store.open()
    host = BotHost(
        store=store, rules=ShippedRules([load_rules()]), clock=SystemClock(), chance=SystemChance()
    )
    try:
        yield host
    finally:
        await host.close()
        await store.close()


def sit(
    database: Path,
    lines: Iterable[Line],
    bot: str = "hero",
    *,
    keeping: Keeping | None = None,
) -> list[str]:
    """Play those lines and return the shown texts, without the prompts for an input."""
    keeping = keeping or Keeping(str(database), "come back")
    shown = Shown()
    play_lines(database, Script(lines, shown.texts), shown, bot=bot, keeping=keeping)
    return [text for text in shown.texts if text != terminal.PROMPT]


def play_lines(database: Path, script: Script, shown: Shown, *, bot: str = "hero", keeping: Keeping) -> None:
    screen = Screen(shown, is_colored=False, environ={})
    terminal.run(bot, lambda: open_host(database), keeping, reader=script, screen=screen)


def test_a_new_bot_begins_and_each_line_is_a_turn(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["1", "1", "q"])
    assert turns(shown) == [(1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("leaving", ["q", EOFError(), KeyboardInterrupt()])
def test_the_game_continues_after_every_way_of_leaving(tmp_path: Path, leaving: Line) -> None:
    sit(tmp_path / "games.db", ["2", "1", "1", leaving])
    assert turns(sit(tmp_path / "games.db", ["q"])) == [(1, 3)]


def test_every_option_has_a_line_of_its_own(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["q"])
    options = next(text for text in shown if turns([text])).splitlines()[-4:]
    assert [line.split()[:2] for line in options] == [["1", "mace:"], ["2", "sword:"], ["3", "dagger:"],
                                                      ["4", "wand:"]]  # fmt: skip


def test_a_blank_line_separates_the_turns(tmp_path: Path) -> None:
    shown = Shown()
    play_lines(tmp_path / "a.db", Script(["1", "", "q"], shown.texts), shown, keeping=Keeping("x", "y"))
    whole = shown.getvalue()
    assert whole.count("\n\nHero, Barbarian level 1 ") == 2


def test_an_illegal_input_costs_no_turn_and_is_explained(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["8", "", "q"])
    assert any(
        "'8' is not legal now: the choice of a weapon has no 8; legal: 1, 2, 3, 4" in text for text in shown
    )
    assert turns(shown) == [(1, 0), (1, 0)]


@pytest.mark.parametrize(
    ("word", "meant"),
    [("daggr", "3 (dagger)"), ("sword", "2 (sword)"), ("hlp", "help"), ("quti", "quit")],
)
def test_a_word_that_is_no_input_gets_a_suggestion(tmp_path: Path, word: str, meant: str) -> None:
    assert any(f"Did you mean {meant}?" in text for text in sit(tmp_path / "games.db", [word, "q"]))


@pytest.mark.parametrize("word", ["help", "?", "h", "HELP"])
def test_help_explains_and_lists_every_legal_input(tmp_path: Path, word: str) -> None:
    shown = sit(tmp_path / "games.db", [word, "q"])
    assert any("Every input is saved" in text for text in shown)
    assert any("  4: wand: Wizard" in text for text in shown)
    assert not any("not legal" in text for text in shown)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("? bleed", "bleed: costs health"),
        ("?guard", "guard: you act right after"),
        ("help die", "die: an attack rolls a d20"),
        ("? blead", "Did you mean bleed"),
        ("? slam", "slam: 120%"),
        ("? shaman", "shaman: has x0.9 of the usual health"),
        ("bag", " weapon: "),
        ("bag 3", "The bag has no item 3; it is empty."),
        ("bag x", "The bag has no item x; it is empty."),
        ("hero", "stats: STR"),
        ("log", "You take the "),
    ],
)
def test_looking_costs_no_turn(tmp_path: Path, line: str, expected: str) -> None:
    shown = sit(tmp_path / "games.db", ["1", line, "", "q"])
    assert any(expected in text for text in shown)
    assert turns(shown) == [(1, 0), (1, 1), (1, 1)]


class ShownLow(Shown):
    """A terminal of 24 rows."""

    def isatty(self) -> bool:
        return True


PAGE: Final = re.compile(r"\(page (\d) of (\d): Enter shows more, q stops\) > ")


def sit_low(
    folder: Path,
    lines: Iterable[Line],
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_typed: bool = True,
    rows: int = 24,
) -> list[str]:
    """Play those lines in a terminal of few rows; return the shown texts with all prompts."""
    monkeypatch.setenv("LINES", str(rows))
    monkeypatch.setenv("COLUMNS", "80")
    shown = ShownLow()
    script = Script(lines, shown.texts, is_typed=is_typed)
    play_lines(folder / "games.db", script, shown, keeping=Keeping("games", "come back"))
    return shown.texts


def explained(texts: list[str]) -> list[str]:
    """Return the shown texts from the first page of `?` to the next prompt."""
    begin = next(n for n, text in enumerate(texts) if text.startswith("What you see"))
    return [text for text in texts[begin : texts.index(terminal.PROMPT, begin)] if text.strip()]


def test_a_low_terminal_shows_a_long_text_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = explained(sit_low(tmp_path, ["1", "?", *[""] * 4, "q"], monkeypatch))
    pages, prompts = texts[::2], texts[1::2]
    assert len(pages) == len(prompts) + 1 > 1
    found = [PAGE.fullmatch(prompt) for prompt in prompts]
    assert [one.groups() for one in found if one] == [(str(n), str(len(pages))) for n in range(1, len(pages))]
    assert all(len(text.splitlines()) <= 22 for text in pages)
    assert pages[-1].endswith("Every input is saved.")


@pytest.mark.parametrize("answer", ["q", "quit", KeyboardInterrupt(), EOFError()])
def test_a_key_below_a_page_leaves_the_pages_only(
    tmp_path: Path, answer: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = sit_low(tmp_path, ["1", "?", answer, "1", "q"], monkeypatch)
    assert len([text for text in texts if PAGE.fullmatch(text)]) == 1
    assert turns(texts) == [(1, 0), (1, 1), (1, 2)]


def test_an_input_below_a_page_is_played_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    shown = ShownLow()
    script = Script(["1", "?", "1", "q"], shown.texts)
    play_lines(tmp_path / "games.db", script, shown, keeping=Keeping("games", "come back"))
    assert turns(shown.texts) == [(1, 0), (1, 1), (1, 2)]
    assert script.remembered == ["1", "?", "1", "q"]


def test_a_place_that_is_longer_than_the_terminal_has_pages_that_cost_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = sit_low(tmp_path, ["1", "2", "", "", "", "q"], monkeypatch, rows=12)
    assert turns(texts) == [(1, 0), (1, 1), (1, 2), (1, 2)]
    assert all(len(text.splitlines()) <= 11 for text in texts)
    inventory = next(n for n, text in enumerate(texts) if turns([text]) == [(1, 2)])
    first, prompt, second, end = [text for text in texts[inventory:] if text.strip()][:4]
    assert first.startswith("Hero, Barbarian level 1 ")
    assert PAGE.fullmatch(prompt)
    assert "  1  done " in second
    assert end == terminal.PROMPT


def test_lines_from_a_file_turn_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = sit_low(tmp_path, ["1", "?", "1", "q"], monkeypatch, is_typed=False)
    assert not any(PAGE.fullmatch(text) for text in texts)
    (whole,) = explained(texts)
    assert len(whole.splitlines()) > 24
    assert turns(texts) == [(1, 0), (1, 1), (1, 2)]


@pytest.mark.parametrize("yes", ["y", "Y", "yes", " yes "])
def test_new_begins_the_next_run_after_a_yes(tmp_path: Path, yes: str) -> None:
    shown = sit(tmp_path / "games.db", ["1", "new", yes, "q"])
    assert any(text.endswith("[y/N] ") for text in shown)
    assert turns(shown)[-1] == (2, 0)


@pytest.mark.parametrize("no", ["", "n", "no", "1", EOFError(), KeyboardInterrupt()])
def test_every_other_answer_keeps_the_run(tmp_path: Path, no: Line) -> None:
    shown = sit(tmp_path / "games.db", ["1", "new", no, "", "q"])
    assert "The run is kept." in shown
    assert turns(shown)[-1] == (1, 1)


def test_a_run_that_has_not_begun_is_given_up_without_a_question(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["new", "q"])
    assert not any("[y/N]" in text for text in shown)
    assert turns(shown)[-1] == (2, 0)


def test_a_run_that_is_over_is_left_without_a_question(tmp_path: Path) -> None:
    async def die(database: Path) -> None:
        async with open_host(database) as host:
            game = (await host.start("local/hero", NewGame(seed=7, weapon=0, mode=Mode.ironman))).game
            while not game.state.over:
                game = (await host.play("local/hero", "1")).game

    asyncio.run(die(tmp_path / "games.db"))
    shown = sit(tmp_path / "games.db", ["1", "new", "q"])
    assert "`new` begins another run, q leaves." in shown
    assert any(text.startswith("This run is over") for text in shown)
    assert not any("[y/N]" in text for text in shown)
    assert turns(shown)[-1] == (2, 0)


def test_the_view_is_shown_when_another_player_has_moved_the_bot(tmp_path: Path) -> None:
    database = tmp_path / "games.db"

    class Between(Script):
        """Plays a turn elsewhere before the second line is read."""

        def ask(self, prompt: str) -> str:
            line = super().ask(prompt)
            if line == "2":
                sit(database, ["1", "q"])
            return line

    shown = Shown()
    play_lines(database, Between(["1", "2", "q"], shown.texts), shown, keeping=Keeping("x", "y"))
    assert turns(shown.texts)[-1] == (1, 2)


def test_a_run_that_cannot_be_read_is_left_alone_until_a_yes(tmp_path: Path) -> None:
    database = tmp_path / "games.db"
    sit(database, ["1", "q"])
    file = apsw.Connection(str(database))
    file.execute("update games set state = x'00'")
    file.close()
    shown = sit(database, ["1", "new", "n", "new", "y", "q"])
    assert any("The run was left as it is" in text for text in shown)
    assert any("Give up the run that cannot be read here?" in text for text in shown)
    assert "The run is kept." in shown
    assert turns(shown) == [(2, 0)]


def test_two_bots_are_two_games(tmp_path: Path) -> None:
    sit(tmp_path / "games.db", ["1", "q"], bot="anna")
    assert turns(sit(tmp_path / "games.db", ["q"], bot="otto")) == [(1, 0)]


def test_only_the_lines_of_the_game_are_remembered(tmp_path: Path) -> None:
    shown = Shown()
    script = Script(["1", "new", "y", "q"], shown.texts)
    play_lines(tmp_path / "a.db", script, shown, keeping=Keeping("x", "y"))
    assert script.remembered == ["1", "new", "q"]


def test_the_handler_of_interrupts_is_restored(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    sit(tmp_path / "games.db", [KeyboardInterrupt()])
    assert signal.getsignal(signal.SIGINT) is before


def test_a_game_in_memory_is_not_called_saved(tmp_path: Path) -> None:
    keeping = Keeping("", "")
    shown = [
        *sit(tmp_path / "games.db", ["help", "q"], keeping=keeping),
        keeping.farewell,
        keeping.interrupted,
    ]
    assert any("ends with this program" in text for text in shown)
    assert not any("saved" in text for text in shown)


def way_back(*words: str, database: str = "") -> str:
    parser = argparse.ArgumentParser()
    play.add_arguments(parser)
    arguments = parser.parse_args(words)
    given = Settings(database=parse_database(arguments.database or database))
    return play.keeping(arguments, given).farewell


def test_the_way_back_has_the_same_bot_and_database() -> None:
    shown = way_back("--bot", "ada", "--db", "sqlite:///my games.db")
    assert " play --bot ada --db 'sqlite:///my games.db'" in shown
    assert f"{Path('my games.db').absolute()}\n" in shown


def test_the_way_back_is_short_for_the_usual_game() -> None:
    assert way_back(database="sqlite:///games.db").endswith(" play")


def test_the_way_back_from_memory_is_none() -> None:
    assert "gone" in way_back("--db", "memory://")


def test_the_way_back_shows_no_password() -> None:
    shown = way_back("--db", "postgresql://u:secret@h/d")
    assert "secret" not in shown
    assert "--db ..." in shown
    assert "--db postgresql://u@h/d" in way_back("--db", "postgresql://u@h/d")


def test_a_name_that_is_no_bot_id_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["play", "--bot", "a b", "--db", "memory://"]) == 2
    assert capsys.readouterr().err == (
        "dungeonfighter play: --bot: 'a b' is not a bot id: an id has 1 to 128 letters, digits, '.', '_' and "
        "'-', the first a letter or digit\n"
    )
