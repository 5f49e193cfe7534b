"""A test that lacks its part is skipped with the reason; without a known reason it fails under .ci/run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.parts import go_without, program


@pytest.fixture(autouse=True)
def no_reason_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PARTS_MISSING", raising=False)


def test_a_program_is_found_in_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    python = Path(sys.executable)
    monkeypatch.setattr("testkit.parts.PLACES", (str(python.parent),))
    assert program(python.name, part="python") == str(python)


def test_a_missing_part_names_the_script_that_installs_it() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"\.ci/parts/moon installs it"):
        program("no-such-program-moon", part="moon")


def test_the_reason_of_the_run_is_the_reason_of_the_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("PARTS_MISSING", "sun: apt says: no\nmoon: it is new\n")
    with pytest.raises(pytest.skip.Exception, match=r"^sun: apt says: no$"):
        go_without("sun")


def test_a_part_the_run_never_missed_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="does it name the part"):
        go_without("moon")
