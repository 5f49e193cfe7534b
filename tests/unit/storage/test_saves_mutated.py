"""A thousand damaged files: each becomes a run that plays, or is refused by name; no exception escapes."""

from __future__ import annotations

import copy
import json
import random
from typing import Any, Final

import pytest

from dungeonfighter.rules import load_rules
from dungeonfighter.storage.saves_import.heroes import map_hero
from dungeonfighter.storage.saves_import.hostile_json import BadSave, parse
from tests.unit.storage.save_samples import VINTAGES, encoded, sample
from tests.unit.storage.test_saves_heroes import play, uncovered

RULES: Final = load_rules()
FILES: Final = 1000
ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 10**9, -(10**9), 10**30, 1.5, 1e300, float("nan"), float("inf"), "", "x", "99",
    "\ud800", "a" * 5000, [], {}, [[]], [None], {"a": {"b": 1}}, {"$values": [1, {}]},
    [{"name": "Iron Boots"}] * 50,
)  # fmt: skip


def mutated(choice: random.Random) -> bytes:
    """Return the bytes of a sample after one to five changes, sometimes with damage to the bytes too."""
    save = sample(choice.choice(VINTAGES))
    if "characterJson" in save:
        save["characterJson"] = json.loads(save["characterJson"])
    for _ in range(choice.randint(1, 5)):
        _change(choice, save)
    raw = encoded(save)
    damage = choice.randrange(8)
    if damage == 0:
        return raw[: choice.randrange(len(raw))]
    if damage == 1:
        place = choice.randrange(len(raw))
        return raw[:place] + bytes([choice.randrange(256)]) + raw[place + 1 :]
    if damage == 2:
        depth = choice.choice((10, 100, 10_000))
        return raw.rstrip()[:-1] + b', "deep": ' + b"[" * depth + b"]" * depth + b"}"
    return raw


def _change(choice: random.Random, save: Any) -> None:
    """Replace, remove, repeat or rename one value anywhere in a save."""
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        keys = (
            list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
        for key in keys:
            places.append((value, key))
            collect(value[key])

    collect(save)
    holder, key = choice.choice(places)
    how = choice.randrange(6)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[str(key).upper()] = holder.pop(key)
    elif how == 2 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(40))
    else:
        holder[key] = copy.deepcopy(choice.choice(ODD))


@pytest.mark.parametrize(
    "seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 10))]
)
def test_a_damaged_file_is_accounted_for_or_refused(seed: int) -> None:
    choice = random.Random(seed)
    refused = 0
    for _ in range(FILES // 10):
        raw = mutated(choice)
        try:
            mapped = map_hero(RULES, parse(raw), seed)
        except BadSave:
            refused += 1
            continue
        if "$values" not in raw.decode(errors="replace"):
            content = json.loads(raw.decode(errors="replace"), strict=False)
            assert uncovered(content, mapped.ledger) == []
        play(RULES, mapped.state, seed, 12)
    assert 0 < refused < FILES // 20
