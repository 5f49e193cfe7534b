"""The verdict on a hero's name is the same for every version of Python: it comes from a table of its own."""

from __future__ import annotations

import hashlib
import sys
import unicodedata

import pytest

from dungeonfighter import hero_names, limits
from dungeonfighter.hero_names import REFUSED, fault_in, is_refused

CODE_POINTS = range(sys.maxunicode + 1)
DIGEST = "624b5761d8a82ca28466488d5c52e71e"
"""Of the verdicts on all code points in order, one byte each; another digest is another set of names."""


def verdicts() -> bytes:
    """Return one byte for each code point as the only character of a name: 1 if the name is good."""
    return bytes(fault_in(chr(code)) == "" for code in CODE_POINTS)


def test_every_code_point_has_its_fixed_verdict() -> None:
    assert hashlib.blake2b(verdicts(), digest_size=16).hexdigest() == DIGEST


def test_the_table_alone_decides() -> None:
    by_table = bytearray(b"\x01" * len(CODE_POINTS))
    for first, last in REFUSED:
        by_table[first : last + 1] = bytes(last + 1 - first)
    by_table[ord(" ")] = 0  # a space at an end
    assert verdicts() == by_table


def test_the_ranges_are_ranges() -> None:
    assert all(0 <= first <= last <= sys.maxunicode for first, last in REFUSED)
    covered = [code for first, last in REFUSED for code in range(first, last + 1)]
    assert len(covered) == len(set(covered))  # a point in two ranges would spoil the search


# Version 3.2.0 of Unicode is in every version of Python.
OLD = unicodedata.ucd_3_2_0


@pytest.mark.parametrize("category", ["Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"])
def test_what_cannot_be_shown_is_refused(category: str) -> None:
    found = [code for code in CODE_POINTS if OLD.category(chr(code)) == category and code != ord(" ")]
    assert found
    assert all(is_refused(code) for code in found)


def test_noncharacters_are_refused() -> None:
    found = [*range(0xFDD0, 0xFDF0), *(code for code in CODE_POINTS if code & 0xFFFE == 0xFFFE)]
    assert len(found) == 66
    assert all(is_refused(code) for code in found)


def test_letters_marks_numbers_and_signs_are_allowed() -> None:
    shown = [code for code in CODE_POINTS if OLD.category(chr(code))[0] in "LMNPS"]
    refused = {code for code in shown if is_refused(code)}
    assert refused == {0xAD, 0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0} & set(shown)


@pytest.mark.parametrize(
    "name", ["Ada", "Ada Ω", "名前", "a", "x" * 24, "\u0378", "\U0001fae9", "d'Arc-2", "é̂"]
)
def test_good_names(name: str) -> None:
    assert fault_in(name) == ""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "this one has 0 characters"),
        ("x" * 25, "this one has 25 characters"),
        (" a", "this one has a space at an end"),
        ("a ", "this one has a space at an end"),
        (" ", "this one has a space at an end"),
        ("a\nb", "U+000A cannot be shown"),
        ("a\u202eb", "U+202E cannot be shown"),
        ("a\u00a0b", "U+00A0 cannot be shown"),
        ("\ud800", "U+D800 cannot be shown"),
        ("\U000e0041", "U+E0041 cannot be shown"),
    ],
)
def test_the_fault_of_a_name_is_named(name: str, fault: str) -> None:
    assert fault_in(name) == fault


def test_the_rule_names_the_limit() -> None:
    assert f"1 to {limits.hero_name_chars_max} characters" in hero_names.RULE
