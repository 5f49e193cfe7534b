"""Files of unit costs and prices: what is missing or wrong is named, with the way out."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dungeonfighter.errors import SettingsError
from dungeonfighter.planning.prices import GUIDE, GUIDE_PLAN, TEMPLATE, read_prices
from dungeonfighter.planning.unit_costs import SHIPPED, read_unit_costs
from tests.unit.planning.made_up import COSTS, FIT, PRICES


def written(folder: Path, content: object) -> Path:
    file = folder / "file.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def changed(value: msgspec.Struct, place: str, new: object) -> dict[str, Any]:
    """Return the content of a file with another value at a place, or without it (`...`)."""
    document: dict[str, Any] = json.loads(msgspec.json.encode(value))
    *way, last = place.split(".")
    inner = document
    for name in way:
        inner = inner[name]
    if new is ...:
        del inner[last]
    else:
        inner[last] = new
    return document


def test_a_file_of_unit_costs_is_read_as_it_was_written(tmp_path: Path) -> None:
    for costs in (COSTS, msgspec.structs.replace(COSTS, fit=FIT)):
        assert read_unit_costs(written(tmp_path, json.loads(msgspec.json.encode(costs)))) == costs


@pytest.mark.parametrize(
    ("place", "new", "problem"),
    [
        ("version", 2, "has version 2, this release reads version 1"),
        ("format", "something", "its format is 'something'"),
        ("measured", None, "are not measured yet"),
        ("server.cpu_us_per_turn", 0, "server.cpu_us_per_turn is 0, which must be above 0"),
        ("database.turns_per_commit", -1, "database.turns_per_commit is -1"),
        ("server.bytes_per_bot", ..., "missing required field `bytes_per_bot`"),
        ("wire.tokens", "many", "Expected `float`, got `str` - at `$.wire.tokens`"),
        ("server.colour", 1, "unknown field `colour`"),
        ("measured.cores", 0, "measured.cores is 0"),
    ],
)
def test_wrong_unit_costs_are_named(tmp_path: Path, place: str, new: object, problem: str) -> None:
    with pytest.raises(SettingsError, match="--unit-costs") as refusal:
        read_unit_costs(written(tmp_path, changed(COSTS, place, new)))
    assert problem in str(refusal.value)
    assert "python -m bench --unit-costs FILE" in str(refusal.value)


@pytest.mark.parametrize("content", ["", "[]", "null", "{", "{}", "\0", "1e999", '{"version": 1e400}'])
def test_what_is_no_file_of_unit_costs_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingsError, match="python -m bench --unit-costs"):
        read_unit_costs(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.json cannot be read: No such file"):
        read_unit_costs(tmp_path / "none.json")


def test_the_shipped_unit_costs_are_sound_or_say_that_they_are_not_measured() -> None:
    shipped = (resources.files("dungeonfighter.planning") / SHIPPED).read_bytes()
    if json.loads(shipped)["measured"] is None:
        with pytest.raises(SettingsError, match="the shipped unit costs are not measured yet"):
            read_unit_costs(None)
    else:
        assert not read_unit_costs(None).measured.quick


def test_the_template_of_prices_needs_every_price(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Expected `float`, got `null`"):
        read_prices(written(tmp_path, TEMPLATE))
    fields = json.loads(TEMPLATE)
    assert fields.keys() == json.loads(msgspec.json.encode(PRICES)).keys()


@pytest.mark.parametrize(
    ("place", "new", "problem"),
    [
        ("source", " ", "source is empty: a price without its source is none"),
        ("date", "", "date is '' and must be a day such as 2026-11-29"),
        ("date", "yesterday", "date is 'yesterday'"),
        ("currency", "", "currency is empty"),
        ("server.name", "", "server has no name"),
        ("server.month", ..., "missing required field `month`"),
        ("server.cores", 0, "server.cores is 0, which must be above 0"),
        ("database.month", -1, "database.month is -1, which must be at least 0"),
        ("version", 9, "no file of prices of version 1"),
        ("transfer_per_gb", ..., "missing required field `transfer_per_gb`"),
    ],
)
def test_wrong_prices_are_named(tmp_path: Path, place: str, new: object, problem: str) -> None:
    with pytest.raises(SettingsError, match="--prices") as refusal:
        read_prices(written(tmp_path, changed(PRICES, place, new)))
    assert problem in str(refusal.value)
    assert "dungeonfighter plan --price-template" in str(refusal.value)


def test_the_guides_prices_are_its_table_divided_by_its_machines() -> None:
    rows = {row.what: row for row in GUIDE_PLAN}
    for kind in ("server", "database", "cache"):
        assert getattr(GUIDE, kind).month * rows[kind].count == rows[kind].month
    assert sum(row.month for row in GUIDE_PLAN) == 16_020
    assert read_prices(None) is GUIDE
