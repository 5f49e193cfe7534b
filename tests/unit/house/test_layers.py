"""The rooms import each other in one direction only, and the rules import next to nothing.

The order is that of docs/architecture.md; a module is read with `ast`, so imports inside functions and under
`TYPE_CHECKING` count too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.house.sources import MODULES, PACKAGE, dotted_name

# Lower may not import higher; rooms of one number may not import each other.
LEVELS = {
    "__init__": 0,
    "background": 1,
    "connection_strings": 1,
    "errors": 1,
    "limits": 1,
    "rules": 2,
    "bots": 3,
    "settings": 4,
    "hosting": 5,
    "storage": 6,
    "access": 6,
    "telemetry": 6,
    "mcp": 7,
    "web": 7,
    "serving": 8,
    "fleet": 9,
    "commands": 10,
    "cli": 11,
    "__main__": 12,
}
IMPURE = {"time", "datetime", "random", "secrets", "os", "uuid", "logging", "asyncio", "threading", "socket"}
RULES_MAY_IMPORT = set(sys.stdlib_module_names) - IMPURE | {"msgspec"}


def room_of(module: str) -> str:
    """`dungeonfighter.hosting.host` lives in `hosting`; the package itself is `__init__`."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every (line, absolute module name) that a file imports."""
    package = dotted_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, node.module] if node.module else base)
            yield node.lineno, origin
            if origin == PACKAGE.name:  # `from dungeonfighter import rules` names rooms
                for alias in node.names:
                    yield node.lineno, f"{origin}.{alias.name}"


def arrows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Every (line, importing room, imported room) of a file, within the package."""
    here = room_of(dotted_name(path))
    for line, name in imports(path):
        if name == PACKAGE.name or name.startswith(f"{PACKAGE.name}."):
            there = room_of(name)
            if there in LEVELS or (PACKAGE / there).exists():
                yield line, here, there


@pytest.mark.parametrize("path", MODULES, ids=dotted_name)
def test_no_arrow_runs_back(path: Path) -> None:
    wrong = [
        f"{path.name}:{line}: {here} imports {there}"
        for line, here, there in arrows(path)
        if here != there and LEVELS[there] >= LEVELS[here]
    ]
    assert not wrong


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(dotted_name(p)) == "rules"], ids=dotted_name)
def test_rules_are_pure(path: Path) -> None:
    names = {name for _, name in imports(path) if name.split(".")[0] != PACKAGE.name}
    assert not {name for name in names if name.split(".")[0] not in RULES_MAY_IMPORT}


def test_every_room_has_a_level() -> None:
    assert {room_of(dotted_name(path)) for path in MODULES} <= set(LEVELS)


def test_only_the_composition_knows_every_room() -> None:
    knowing = {
        dotted_name(path)
        for path in MODULES
        if {"storage", "mcp"} <= {room for _, here, room in arrows(path) if room != here}
    }
    assert knowing == {f"{PACKAGE.name}.serving.composition"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from dungeonfighter.mcp import app", {"dungeonfighter.mcp"}),
        ("from ..mcp import app", {"dungeonfighter.mcp"}),
        ("from .. import mcp", {"dungeonfighter", "dungeonfighter.mcp"}),
        ("def f():\n    import dungeonfighter.mcp.app", {"dungeonfighter.mcp.app"}),
    ],
)
def test_the_walk_sees_every_spelling(tmp_path: Path, source: str, expected: set[str]) -> None:
    folder = tmp_path / "src" / "dungeonfighter" / "rules"
    folder.mkdir(parents=True)
    (folder / "probe.py").write_text(source, encoding="utf-8")
    assert {name for _, name in imports(folder / "probe.py")} == expected
