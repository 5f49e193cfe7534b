"""`play` in tmux, which is a real terminal: layout at several widths, resizing, keys, characters, colours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from testkit import terminal_pictures, terminal_situations
from testkit.server_process import ROOT
from testkit.terminal_pane import Pane
from tests.parts import program

COMMAND: Final = [sys.executable, "-m", "dungeonfighter", "play"]
NOTE: Final = "q to leave)"
PAGE: Final = ": Enter shows more, q stops) >"
Open = Callable[..., Pane]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Return a function that opens the game of one folder in a pane, and waits for its first prompt."""
    program("tmux", part="tmux")
    (tmp_path / "inputrc").write_text("set enable-bracketed-paste off\n")

    def open_pane(*words: str, columns: int = 80, rows: int = 60, **changes: str) -> Pane:
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"),
            "PYTHONPATH": str(ROOT / "src"), "LANG": "C.UTF-8", "INPUTRC": str(tmp_path / "inputrc"),
            **changes,
        }  # fmt: skip
        return Pane(tmp_path, [*COMMAND, *words], environ, columns=columns, rows=rows)

    return open_pane


def fight(pane: Pane) -> str:
    """Choose a weapon and go on until a fight; return what the pane then shows."""
    pane.wait_for(NOTE)
    for turn in range(1, 40):
        pane.type("1")
        shown = pane.wait_for_turn(turn)
        if "it: then " in shown:
            return shown
    raise AssertionError("no fight began")


def test_a_fight_at_80_columns(opened: Open) -> None:
    with opened(rows=120) as pane:
        shown = fight(pane)
        view = shown[shown.rindex("Hero, Barbarian") :]
        assert max(map(len, view.splitlines())) <= 80
        head, hero, first, second = view[view.index(" seconds") :].splitlines()[:4]
        zero = head.index("0")
        assert hero[zero] == first[zero] == second[zero] == "\u251c"
        assert all(line.count("\u25b2") == 1 for line in (hero, first, second))
        assert first.index("\u25b2") <= second.index("\u25b2")
        assert "\x1b[1m\x1b[36m  1\x1b[" in pane.colored() or "\x1b[1;36m  1\x1b[" in pane.colored()
        pane.type("?")
        helped = pane.wait_for("Every input is saved.")
        for word in ("time line:", "hits:", "damage:", "What the enemy shows", "4: guard:", "bag, bag N:"):
            assert word in helped


def test_a_terminal_of_24_rows_holds_a_fight_and_explains_it_in_pages(opened: Open) -> None:
    with opened(rows=24) as pane:
        shown = fight(pane)
        assert "Hero, Barbarian level 1 " in shown, "the head of the view is still there"
        assert shown.endswith("\n>")
        assert re.search(r"^  1  attack   hits \d+ %  damage \d+ to \d+", shown, re.MULTILINE)
        assert max(map(len, shown.splitlines())) <= 80
        pane.type("?")
        assert "> ?\n" in pane.wait_for(PAGE), "the first page fits below the command"
        pages = 1
        while "Every input is saved." not in pane.text():
            pane.press("C-l")
            pane.wait_for(lambda text: len(text.splitlines()) == 1)
            pane.press("Enter")
            pane.wait_for(lambda text: len(text.splitlines()) > 1 and text.endswith(">"))
            pages += 1
        assert pages > 2
        assert "bag, bag N:" in pane.text()


@pytest.mark.long
def test_a_terminal_of_24_rows_shows_a_long_inventory_in_pages(opened: Open, tmp_path: Path) -> None:
    seed, played = next(
        (seed, played) for name, seed, played in terminal_situations.found() if name == "inventory-long"
    )
    terminal_situations.save(tmp_path / "games.db", seed, played)
    with opened("--db", f"sqlite:///{tmp_path / 'games.db'}", rows=24) as pane:
        shown = pane.wait_for(PAGE)
        assert shown.startswith("Tarn, "), "the head of the view is still there"
        assert "  1  done" not in shown
        while PAGE in shown.splitlines()[-1]:
            pane.press("C-l")
            pane.press("Enter")
            shown = pane.wait_for(lambda text: len(text.splitlines()) > 1 and text.endswith(">"))
        assert "  1  done" in shown
        pane.type("")
        pane.wait_for(lambda text: PAGE in text.splitlines()[-1])
        pane.type("1")
        after = pane.wait_for_turn(len(played) + 1)
        assert "you could wear" not in after, "an input below a page is played"
    done = subprocess.run(
        [*COMMAND, "--db", f"sqlite:///{tmp_path / 'games.db'}"], input=b"2\nq\n", capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, check=True, timeout=60,
    )  # fmt: skip
    assert b"you could wear" in done.stdout, "a pipe gets it whole"
    assert b"Enter shows more" not in done.stdout


@pytest.mark.long
def test_a_terminal_that_changes_its_width_gets_the_next_view_in_it(opened: Open) -> None:
    with opened() as pane:
        fight(pane)
        for columns in (50, 100, 24):
            pane.resize(columns)
            pane.press("C-l")
            pane.wait_for(lambda shown: "Hero" not in shown)
            pane.press("Enter")
            view = pane.wait_for(lambda shown: "is a turn" in shown and shown.endswith(">"))
            assert max(map(len, view.splitlines())) <= columns
            assert ("\u25b2" in view) == (columns > 50)


@pytest.mark.long
@pytest.mark.parametrize(
    "changes", [{"LANG": "C"}, {"LANG": "en_US.ISO-8859-1"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_a_terminal_without_these_characters_gets_others(opened: Open, changes: dict[str, str]) -> None:
    with opened(**changes) as pane:
        shown = fight(pane)
        assert shown.isascii()
        assert re.search(r"\[#+-*\] \d+/\d+", shown), "the bars"
        assert "|--" in shown


@pytest.mark.long
def test_no_color_changes_only_the_colours(opened: Open) -> None:
    words = ("--db", "memory://")
    with opened(*words, NO_COLOR="1") as pane:
        pane.wait_for(NOTE)
        assert pane.colored() == pane.text()
        plain = pane.text()
    with opened(*words) as pane:
        pane.wait_for(NOTE)
        assert pane.colored() != pane.text()
        assert pane.text() == plain


@pytest.mark.parametrize("keys", ["C-c", pytest.param("C-d", marks=pytest.mark.long)])
def test_a_key_leaves_and_the_next_game_goes_on(opened: Open, keys: str) -> None:
    with opened() as pane:
        pane.wait_for(NOTE)
        pane.type("2")
        pane.wait_for_turn(1)
        pane.press(keys)
        shown = pane.wait_for("To go on: ")
        assert "The game is saved in " in shown
        assert "Traceback" not in shown
    with opened() as pane:
        assert "Hero, Warrior level 1" in pane.wait_for("run 1, turn 1")


@pytest.mark.long
def test_a_tiny_terminal_shows_the_end_of_the_view(opened: Open) -> None:
    with opened(columns=20, rows=6) as pane:
        shown = pane.wait_for("leave)")
        assert shown.endswith(">")
        pane.type("1")
        assert pane.wait_for(lambda text: "twice" in text and text.endswith(">")), "the wares come last"


@pytest.mark.long
def test_the_pictures_show_the_words_and_the_colours(tmp_path: Path) -> None:
    program("tmux", part="tmux")
    terminal_pictures.main([str(tmp_path / "pages")])
    pages = {page.stem: page.read_text() for page in (tmp_path / "pages").iterdir()}
    assert len(pages) == 3 * len(terminal_pictures.KINDS)
    assert '<span style="color:#6bd968">' in pages["color-fight"]
    assert "<span" not in pages["plain-fight"]
    assert "you, after an attack" in pages["wide-fight"]
    assert "time line" in pages["narrow-explained"]


@pytest.mark.long
def test_the_pictures_of_situations_are_of_real_games(tmp_path: Path) -> None:
    program("tmux", part="tmux")
    terminal_pictures.main([str(tmp_path), "--situations", "fight-guardian", "cleared"])
    pages = {page.stem: page.read_text() for page in tmp_path.glob("*.html")}
    assert pages.keys() == {
        f"{name}-{rows}-{color}"
        for name in ("fight-guardian", "cleared")
        for rows in terminal_pictures.ROWS
        for color in ("color", "plain")
    }
    assert "<span" not in pages["fight-guardian-24-plain"]
    assert "level 1 guardian" in pages["fight-guardian-24-plain"]
    assert '<span style="color:#6bd968">' in pages["fight-guardian-40-color"]
    assert "The room is cleared." in pages["cleared-24-color"]
