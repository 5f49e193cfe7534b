"""docs/follow-a-turn.md is true: a real server calls the functions of its steps, in this order."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.unit.house.sources import ROOT

TEXT = (ROOT / "docs" / "follow-a-turn.md").read_text(encoding="utf-8").split("## Off the hot way")[0]
STEPS = re.split(r"^\d+\. ", TEXT, flags=re.MULTILINE)[1:]
Names = list[tuple[str, str]]

pytestmark = pytest.mark.long  # a server whose every call is noted needs some seconds


def named(step: str) -> Names:
    """Return the (module, qualified name) of each function or class that a step names."""
    return [(module, name) for module, name in re.findall(r"`([a-z_.]+):([A-Za-z_.]+)`", step)]


@cache
def trace(folder: Path) -> tuple[Names, Names]:
    """Return the functions called by a run of 70 turns, and those called by its last turn."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.unit.house.traced_turn", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    whole, last = json.loads(next(line for line in ended.stdout.splitlines() if line.startswith("[[")))
    return [tuple(one) for one in whole], [tuple(one) for one in last]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Names, Names]:
    return trace(tmp_path_factory.mktemp("traced"))


def place(one: tuple[str, str], called: Names) -> int | None:
    """Return where a function, or the first method of a class, was called."""
    module, name = one
    for number, (there, qualified) in enumerate(called):
        if there == module and (qualified == name or qualified.startswith(f"{name}.")):
            return number
    return None


def is_data(one: tuple[str, str]) -> bool:
    """Return True if a name is a class whose values msgspec decodes without a Python function."""
    return one[1].lstrip("_")[0].isupper() and "." not in one[1]


def test_every_function_of_a_step_is_called(traced: tuple[Names, Names]) -> None:
    names = [one for step in STEPS for one in named(step)]
    assert len(names) > 25
    assert not [one for one in names if place(one, traced[0]) is None and not is_data(one)]


def test_the_steps_are_in_the_order_of_a_turn(traced: tuple[Names, Names]) -> None:
    places = [place(named(step)[0], traced[1]) for step in STEPS if named(step)]
    found = [number for number in places if number is not None]
    assert len(found) >= len(STEPS) - 2
    assert found == sorted(found)
