"""The packaged SQL meets the conditions for upgrades and rollbacks."""

from __future__ import annotations

import re

import pytest

from dungeonfighter import __version__
from dungeonfighter.storage.postgres_indexes import index_of
from dungeonfighter.storage.releases import release_order
from dungeonfighter.storage.sql_files import Migration, migrations, queries, statements

DIALECTS = ("postgres", "sqlite")
EVERY = [pytest.param(step, id=f"{name} {step.name}") for name in DIALECTS for step in migrations(name)]
QUERIES = [pytest.param(text, id=f"{name} {key}") for name in DIALECTS for key, text in queries(name).items()]


def test_both_dialects_have_the_same_steps_without_a_gap() -> None:
    one, other = (
        [(step.number, step.name, step.compatible_from) for step in migrations(name)] for name in DIALECTS
    )
    assert one == other
    assert [number for number, *_ in one] == list(range(1, len(one) + 1))


@pytest.mark.parametrize("step", EVERY)
def test_a_step_does_not_need_a_release_after_this_one(step: Migration) -> None:
    assert release_order(step.compatible_from) <= release_order(__version__)


def test_only_steps_of_postgresql_are_concurrent_and_each_is_one_index() -> None:
    assert not [step.name for step in migrations("sqlite") if step.is_concurrent]
    for step in migrations("postgres"):
        assert step.is_concurrent == ("concurrently" in step.sql)
        if step.is_concurrent:
            assert len(statements(step.sql)) == 1
            assert index_of(step).name


@pytest.mark.parametrize("text", QUERIES)
def test_a_statement_names_its_columns_so_that_a_later_release_may_add_some(text: str) -> None:
    assert not re.findall(r"select\s+\*\s+from\s+(?!unnest)|returning\s+\*", text)
    assert not re.findall(r"insert\s+(?:or replace\s+)?into\s+\w+(?!\w|\s*\()", text)


def test_statements_end_with_a_semicolon_at_the_end_of_a_line() -> None:
    assert [part.strip() for part in statements("-- a; b\nselect ';';  \n\nselect\n1;\n")] == [
        "-- a; b\nselect ';';",
        "select\n1;",
    ]
