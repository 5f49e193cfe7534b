"""The view in a terminal: options, wrapped lines, bars and colours."""

from __future__ import annotations

import io
import re
from typing import Final

import pytest

from dungeonfighter.commands.terminal_view import Screen, is_decorated, with_options, wrapped
from dungeonfighter.rules import load_rules
from dungeonfighter.rules.engine import GameOptions

FIGHT: Final = (
    "e1 t5 | Ada 130/264 hp, roll penalty 3\nGrey Wolf 20/141 hp, bleed 3; shows heavy ~31 in 1.2 s"
)
CODE: Final = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.TextIOWrapper):
    """A terminal with an encoding, as far as a program can see."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.raw_bytes = io.BytesIO()
        super().__init__(self.raw_bytes, encoding=encoding)

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        self.flush()
        return self.raw_bytes.getvalue().decode(self.encoding)


def said(text: str, encoding: str = "utf-8", *, is_decorated: bool = True) -> str:
    terminal = Terminal(encoding)
    Screen(terminal, is_decorated=is_decorated).say(text)
    return terminal.shown()


@pytest.mark.parametrize(
    "line",
    [
        "1 attack 2 precise 5 potion x2 6 bomb 7 food item 6 flash powder 8 flee 9 auto",
        "1 attack | 2 precise | 5 potion x2 | 6 bomb | 7 food | item 6 flash powder | 8 flee | 9 auto",
    ],
)
def test_each_input_of_a_fight_is_on_its_own_line(line: str) -> None:
    assert with_options(f"{FIGHT}\n{line}", in_fight=True).splitlines()[2:] == [
        "   1  attack",
        "   2  precise",
        "   5  potion x2",
        "   6  bomb",
        "   7  food",
        "  item 6  flash powder",
        "   8  flee",
        "   9  auto",
    ]


def test_each_input_of_a_menu_is_on_its_own_line() -> None:
    line = "1 go on | 2 give 5 hp for 1 potion | strip 0,1 | equip 1-6 | unequip weapon/head"
    assert with_options(f"e1 t9\n{line}", in_fight=False).splitlines() == [
        "e1 t9",
        "   1  go on",
        "   2  give 5 hp for 1 potion",
        "      strip 0,1",
        "      equip 1-6",
        "      unequip weapon/head",
    ]


def test_a_single_input_with_numbers_in_its_words_is_one_line() -> None:
    assert with_options("e1 t9\n1 pay 40 gold", in_fight=False) == "e1 t9\n   1  pay 40 gold"


def test_every_legal_number_of_a_real_fight_has_a_line() -> None:
    rules = load_rules()
    state = rules.new_game(GameOptions(seed=11, weapon=0))
    while state.fight is None:
        state = rules.advance(state, "1").state
    shown = with_options(rules.text(state, "e1 t1"), in_fight=True)
    inputs = [found[1] for found in re.finditer(r"^ +((?:item )?\d+)  \S", shown, re.MULTILINE)]
    assert inputs == [choice.input for choice in rules.legal_inputs(state)]


def test_long_lines_are_broken_between_words() -> None:
    lines = wrapped("e1 t0 | Hero (level 1)\n\n  equip 3: the well-worn hat of the mountain king", 24)
    assert lines.split("\n") == [
        "e1 t0 | Hero (level 1)",
        "",
        "  equip 3: the well-worn",
        "    hat of the mountain",
        "    king",
    ]


def test_an_option_goes_on_below_its_words() -> None:
    assert wrapped("   1  fight: a guardian behind the door", 24).split("\n") == [
        "   1  fight: a guardian",
        "      behind the door",
    ]


def test_a_line_that_fits_stays_as_it_is() -> None:
    assert wrapped("  1    attack", 13) == "  1    attack"


def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shown = CODE.sub("", said(with_options(f"{FIGHT}\n1 attack 2 precise", in_fight=True)))
    assert max(map(len, shown.splitlines())) <= 40


def test_health_has_a_bar_and_a_colour() -> None:
    shown = said("Ada 130/264 hp | Wolf 20/141 hp | Imp 7/7 hp | Ogre 0/9 hp")
    bars = re.findall("[\u2588\u2591]+", CODE.sub("", shown))
    assert [bar.count("\u2588") for bar in bars] == [4, 1, 10, 0]
    assert {len(bar) for bar in bars} == {10}
    assert re.findall(r"\x1b\[(\d+)m\d+/", shown) == ["33", "31", "32", "31"]


def test_an_encoding_without_blocks_gets_plain_bars() -> None:
    assert "130/264 hp" in said("130/264 hp", "ascii")
    assert "####------" in said("130/264 hp", "ascii")


def test_decoration_changes_no_word() -> None:
    text = with_options(f"{FIGHT}\n1 attack 2 precise 9 auto", in_fight=True)
    bare = re.sub(" [\u2588\u2591]{10}", "", CODE.sub("", said(text)))
    assert bare == f"{text}\n"
    assert CODE.search(said(text))


def test_without_decoration_the_text_stays_as_it_is() -> None:
    assert said(FIGHT, is_decorated=False) == f"{FIGHT}\n"


@pytest.mark.parametrize(
    ("color", "environ", "expected"),
    [
        ("auto", {"TERM": "xterm"}, True),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True),
        ("auto", {"TERM": "dumb"}, False),
        ("auto", {}, False),
        ("always", {"NO_COLOR": "1"}, True),
        ("never", {"TERM": "xterm"}, False),
    ],
)
def test_the_environment_decides_about_decoration(
    color: str, environ: dict[str, str], expected: bool
) -> None:
    assert is_decorated(color, Terminal(), environ) is expected


def test_a_pipe_gets_no_decoration_unless_it_is_asked_for() -> None:
    assert not is_decorated("auto", io.StringIO(), {"TERM": "xterm"})
    assert is_decorated("always", io.StringIO(), {})
