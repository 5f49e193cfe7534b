"""Lines of spans: width, line breaks that lose no word, columns side by side."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dungeonfighter.terminal.spans import (
    Meaning,
    Span,
    beside,
    cut,
    held,
    padded,
    plain,
    spans,
    width,
    wrapped,
)

WORDS = st.lists(st.text("abc\u4e16", min_size=1, max_size=12), min_size=1, max_size=12)


def test_a_wide_character_takes_two_columns_and_a_combining_one_none() -> None:
    assert width("ab") == 2
    assert width("\u4e16\u754c") == 4
    assert width("e\u0301") == 1


def test_a_line_that_fits_stays_as_it_is() -> None:
    line = spans("  1  ", Span("attack", Meaning.choice))
    assert wrapped(line, 11) == [line]


def test_a_long_line_is_broken_between_words_and_hangs() -> None:
    lines = wrapped(spans("   1  fight: a guardian behind the door"), 24, 6)
    assert [plain(line) for line in lines] == ["   1  fight: a guardian", "      behind the door"]


def test_each_part_keeps_its_meaning() -> None:
    lines = wrapped(spans("lost ", Span("all of it", Meaning.harm), " now"), 9)
    assert [plain(line) for line in lines] == ["lost all", "of it now"]
    assert {span.text: span.meaning for span in lines[1]} == {
        "of it": Meaning.harm,
        " now": Meaning.neutral,
    }


@given(WORDS, st.integers(2, 40), st.integers(0, 8))
def test_no_line_is_too_wide_and_no_word_is_lost(words: list[str], columns: int, hanging: int) -> None:
    lines = wrapped(spans(" ".join(words)), columns, hanging)
    assert max(width(plain(line)) for line in lines) <= columns
    assert "".join(plain(line).replace(" ", "") for line in lines) == "".join(words)


def test_a_word_longer_than_the_line_is_broken() -> None:
    assert [plain(line) for line in wrapped(spans("abcdefgh ij"), 5)] == ["abcde", "fgh", "ij"]


def test_a_held_text_is_broken_only_if_it_is_longer_than_a_line() -> None:
    lines = wrapped(spans(f"score 3, {held('gold 331')}, {held('in 5 turns')}"), 20, 2)
    assert [plain(line) for line in lines] == ["score 3, gold 331,", "  in 5 turns"]
    assert [plain(line) for line in wrapped(spans(held("gold of the hero")), 9)] == ["gold of", "the hero"]
    assert plain(wrapped(spans(held("gold 331")), 80)[0]) == "gold 331"


def test_a_cut_text_shows_that_something_is_missing() -> None:
    assert cut("Bark Warden", 11) == "Bark Warden"
    assert cut("Bark Warden", 8) == "Bark Wa."


def test_blocks_of_any_heights_stand_side_by_side() -> None:
    left, right = [spans("a"), spans("bb")], [spans("1"), spans("2"), spans("3")]
    assert [plain(line) for line in beside(left, right, 3)] == ["a    1", "bb   2", "     3"]
    assert [plain(line) for line in beside(left, right[:1], 3)] == ["a    1", "bb"]
    assert plain(padded(spans("ab"), 4)) == "ab  "
