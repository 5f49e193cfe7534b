"""The checker is independent of what it checks: it knows the journal, SQL and the rules, and no more."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.unit.house.sources import ROOT, parsed

FOLDER: Final = ROOT / "chaos" / "checker"
MODULES: Final = sorted(FOLDER.rglob("*.py"))
COMMAND: Final = FOLDER / "__main__.py"
ROOMS: Final = {"dungeonfighter.rules", "dungeonfighter.errors"}
PROGRESS: Final = "dungeonfighter.commands.progress_output"
PACKAGES: Final = set(sys.stdlib_module_names) | {"msgspec", "apsw", "asyncpg"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level
            yield f"{node.module}"
            if node.module in {"chaos", "dungeonfighter"}:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_allowed(name: str, path: Path) -> bool:
    room = ".".join(name.split(".")[:2])
    own = name == "chaos.journal" or room == "chaos.checker"
    is_progress = name == PROGRESS and path == COMMAND
    return own or is_progress or room in ROOMS or name.split(".", maxsplit=1)[0] in PACKAGES


@pytest.mark.parametrize("path", [*MODULES, ROOT / "chaos" / "journal.py"], ids=lambda path: path.stem)
def test_a_module_imports_the_journal_and_the_rules_only(path: Path) -> None:
    assert not [name for name in imports(path) if not is_allowed(name, path)]


@pytest.mark.parametrize(
    "name",
    [
        "dungeonfighter.hosting.trail",
        "dungeonfighter.fleet",
        "dungeonfighter",
        "chaos.stage",
        "chaos",
        "tests",
        PROGRESS,
    ],
)
def test_other_imports_are_seen(name: str) -> None:
    assert not is_allowed(name, FOLDER / "history.py")


def test_no_room_that_serves_is_loaded_with_it() -> None:
    code = (
        "import sys, chaos.checker.__main__\n"
        "loaded = {name.split('.')[1] for name in sys.modules if name.startswith('dungeonfighter.')}\n"
        "print(*sorted(loaded))\n"
        "print(*sorted(name for name in sys.modules if name.startswith('chaos.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
    )  # fmt: skip
    rooms, modules = (set(line.split()) for line in done.stdout.splitlines())
    assert rooms <= {"rules", "errors", "limits", "commands"}
    assert all(name == "chaos.journal" or name.startswith("chaos.checker") for name in modules)
