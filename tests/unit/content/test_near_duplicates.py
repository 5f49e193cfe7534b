"""No two rows of the content are nearly the same, and a planted near-duplicate of any row is found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dungeonfighter.rules.catalog import load_catalogue
from dungeonfighter.rules.catalog.model import Content
from tests.unit.content.near import ROWS, is_near, near_duplicates

CONTENT = load_catalogue().content


@pytest.mark.parametrize("kind", ROWS)
def test_no_two_rows_are_nearly_the_same(kind: str) -> None:
    assert near_duplicates(ROWS[kind](CONTENT)) == []


def test_near_are_figures_within_15_percent_of_the_larger_one() -> None:
    assert is_near((100, 0, -3), (117, 0, -3))
    assert not is_near((100, 0), (118, 0))
    assert not is_near((2,), (3,))
    assert not is_near((0,), (1,))
    assert not is_near((100,), (100, 100))
    rows = [("a", "x", (5,)), ("b", "y", (5,)), ("c", "x", (6,)), ("d", "y", (5,))]
    assert near_duplicates(rows) == [("b", "d")]


def scaled(value: Any) -> Any:
    """Return a value in which each number from 10 on is a tenth greater."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * 11 // 10 if value >= 10 else value
    if isinstance(value, dict):
        return {key: scaled(each) for key, each in value.items()}
    return [scaled(each) for each in value] if isinstance(value, list) else value


def planted(kind: str, row: dict[str, Any]) -> Content:
    """Return the content with one more row of a kind."""
    raw = msgspec.to_builtins(CONTENT)
    raw[kind] = [*raw[kind], row]
    return msgspec.convert(raw, Content)


@pytest.mark.parametrize("kind", [kind for kind in ROWS if kind != "options"])
def test_a_planted_near_duplicate_is_found(kind: str) -> None:
    watched = {row[0] for row in ROWS[kind](CONTENT)}
    rows = [row for row in msgspec.to_builtins(getattr(CONTENT, kind)) if row["id"] in watched]
    assert rows
    for row in rows[:: max(1, len(rows) // 12)]:
        copy = scaled(row) | {"id": "a_copy"}
        assert (row["id"], "a_copy") in near_duplicates(ROWS[kind](planted(kind, copy)))


def test_a_planted_option_is_found() -> None:
    for row in msgspec.to_builtins(CONTENT.events):
        for option in row["options"][:1]:
            copy = row | {"id": "a_copy", "options": [scaled(option)]}
            found = near_duplicates(ROWS["options"](planted("events", copy)))
            assert found == [(f"{row['id']}: {option['text']}", f"a_copy: {option['text']}")]
