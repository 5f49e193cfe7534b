"""The terminal over a real host on a SQLite file: a person plays, leaves in every way, and comes back."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest

from dungeonfighter.commands import terminal
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.system import SystemChance, SystemClock
from dungeonfighter.rules import load_rules
from dungeonfighter.storage.sqlite import SqliteStore


def sit(
    database: Path,
    lines: Iterable[str | BaseException],
    bot: str = "hero",
    *,
    on_the_terminal: bool = False,
) -> list[str]:
    """Play those lines and return the shown texts; an exception stands for the key that raises it."""

    @contextlib.asynccontextmanager
    async def open_host() -> AsyncIterator[BotHost]:
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

    coming = iter(lines)

    def ask(prompt: str) -> str:
        line = next(coming)
        if isinstance(line, BaseException):
            raise line
        return line

    shown: list[str] = []
    say = None if on_the_terminal else shown.append
    assert terminal.run(argparse.Namespace(bot=bot), open_host, ask=ask, say=say) == 0
    return shown


def test_a_new_bot_begins_and_each_line_is_a_turn(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["1", "1", "q"])
    assert shown[0].startswith("e1 t0")
    assert any(text.startswith("e1 t2") for text in shown)
    assert "saved" in shown[-1]


@pytest.mark.parametrize("leaving", ["q", EOFError(), KeyboardInterrupt()])
def test_the_game_continues_after_every_way_of_leaving(tmp_path: Path, leaving: str | BaseException) -> None:
    sit(tmp_path / "games.db", ["2", "1", "1", leaving])
    assert sit(tmp_path / "games.db", ["q"])[0].startswith("e1 t3")


def test_an_illegal_input_costs_no_turn_and_is_explained(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["8", "", "q"])
    assert any(text.startswith("illegal_input") for text in shown)
    assert shown[-2].startswith("e1 t0")


def test_help_lists_every_legal_input(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["?", "q"])
    assert any(text.split()[:2] == ["4", "wand:"] for text in shown)


def test_new_begins_the_next_run(tmp_path: Path) -> None:
    shown = sit(tmp_path / "games.db", ["1", "new", "q"])
    assert shown[-2].startswith("e2 t0")


def test_two_bots_are_two_games(tmp_path: Path) -> None:
    sit(tmp_path / "games.db", ["1", "q"], bot="anna")
    assert sit(tmp_path / "games.db", ["q"], bot="otto")[0].startswith("e1 t0")


def test_a_name_that_is_no_bot_id_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    def never() -> contextlib.AbstractAsyncContextManager[BotHost]:
        raise AssertionError("no store may be opened")

    assert terminal.run(argparse.Namespace(bot="a b"), never) == 2
    assert "a b" in capsys.readouterr().err


def test_long_lines_are_broken_between_words() -> None:
    lines = terminal.wrapped(
        "e1 t0 | Hero (level 1)\n\n  equip 3: the well-worn hat of the mountain king", 24
    )
    assert lines.split("\n") == [
        "e1 t0 | Hero (level 1)",
        "",
        "  equip 3: the well-worn",
        "    hat of the mountain",
        "    king",
    ]


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert terminal.wrapped("  1    attack", 13) == "  1    attack"


def test_on_a_terminal_no_line_is_wider_than_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    sit(tmp_path / "games.db", ["1", "?", "q"], on_the_terminal=True)
    shown = capsys.readouterr().out
    assert "e1 t1" in shown
    assert max(map(len, shown.splitlines())) <= 40
