"""The rooms import each other in one direction only, and no room has a circle of imports inside.

The order of the rooms is that of docs/architecture.md. The tests read each module with `ast`, so imports
inside functions and under `TYPE_CHECKING` count too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.unit.house.sources import MODULES, PACKAGE, ROOT, dotted_name, parsed

# A room may not import a room with a higher number, or another room with the same number.
LEVELS = {
    "__init__": 0,
    "connection_strings": 1,
    "errors": 1,
    "limits": 1,
    "hero_names": 2,
    "secret_files": 2,
    "origins": 1,
    "networks": 1,
    "signing_secrets": 1,
    "task_ending": 1,
    "rules": 2,
    "bots": 3,
    "replays": 3,
    "terminal": 3,
    "laboratory": 4,
    "setting_values": 2,
    "setting_fields": 3,
    "settings": 4,
    "hosting": 5,
    "storage": 6,
    "access": 6,
    "telemetry": 6,
    "mcp": 7,
    "web": 7,
    "ingress": 7,
    "serving": 8,
    "fleet": 9,
    "bridge": 9,
    "doctor": 9,
    "trajectories": 9,
    "planning": 9,
    "commands": 10,
    "cli": 11,
    "__main__": 12,
}
IMPURE = {"time", "datetime", "random", "secrets", "os", "uuid", "logging", "asyncio", "threading", "socket"}
RULES_MAY_IMPORT = set(sys.stdlib_module_names) - IMPURE | {"msgspec"}


def room_of(module: str) -> str:
    """Return `hosting` for `dungeonfighter.hosting.host`, and `__init__` for the package itself."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, absolute module name) for each import of a file."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            origin = origin_of(path, node)
            yield node.lineno, origin
            if origin == PACKAGE.name:  # `from dungeonfighter import rules` names rooms
                for alias in node.names:
                    yield node.lineno, f"{origin}.{alias.name}"


def origin_of(path: Path, node: ast.ImportFrom) -> str:
    """Return the absolute name of the module that an `import from` of this file names."""
    package = dotted_name(path).split(".")
    if path.name != "__init__.py":
        package = package[:-1]
    base = package[: len(package) - node.level + 1] if node.level else []
    return ".".join([*base, node.module] if node.module else base)


def arrows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield (line, importing room, imported room) for each import of a file within the package."""
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


Imports = Mapping[str, Sequence[str]]


def imports_inside(room: str, paths: Sequence[Path]) -> Imports:
    """Return the modules of a room by name, each with those of the same room that it imports.

    `from dungeonfighter.hosting import host` counts as an import of the module `host`; with a name that is no
    module it counts as an import of the package.
    """
    members = {dotted_name(path): path for path in paths if room_of(dotted_name(path)) == room}
    return {
        name: sorted({target for target in _imported_modules(path, members) if target != name})
        for name, path in members.items()
    }


def _imported_modules(path: Path, members: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in members)
        elif isinstance(node, ast.ImportFrom):
            origin = origin_of(path, node)
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                if name in members or origin in members:
                    yield name if name in members else origin


def circle_in(graph: Imports) -> list[str]:
    """Return the modules of one circle, the first one again at the end; empty if there is none."""
    path: list[str] = []
    done: set[str] = set()

    def visit(name: str) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        path.append(name)
        for imported in graph[name]:
            if circle := visit(imported):
                return circle
        done.add(path.pop())
        return []

    return next((circle for name in graph if (circle := visit(name))), [])


@pytest.mark.parametrize("room", sorted({room_of(dotted_name(path)) for path in MODULES}))
def test_no_room_has_a_circle_of_imports(room: str) -> None:
    assert circle_in(imports_inside(room, MODULES)) == []


@pytest.mark.parametrize(
    "closing",
    [
        "from dungeonfighter.fleet.one import x",
        "from dungeonfighter.fleet import one",
        "import dungeonfighter.fleet.one",
        "from .one import x",
        "def f():\n    from dungeonfighter.fleet import one",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from dungeonfighter.fleet.one import x",
    ],
)
def test_a_planted_circle_is_found(tmp_path: Path, closing: str) -> None:
    folder = tmp_path / "src" / "dungeonfighter" / "fleet"
    folder.mkdir(parents=True)
    sources = {
        "__init__": "",
        "one": "from dungeonfighter.fleet.two import x",
        "two": "from dungeonfighter.fleet import three",
        "three": closing,
        "zero": "from dungeonfighter.fleet.one import x\nfrom dungeonfighter.mcp.app import y",
    }
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    paths = sorted(folder.glob("*.py"))
    names = [f"dungeonfighter.fleet.{name}" for name in ("one", "two", "three", "one")]
    assert circle_in(imports_inside("fleet", paths)) == names
    (folder / "three.py").write_text("", encoding="utf-8")
    assert circle_in(imports_inside("fleet", paths)) == []


@pytest.mark.parametrize("folder", ["bench", "chaos", "load", "soak", "testkit"])
def test_benchmarks_and_the_kit_import_no_tests(folder: str) -> None:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    assert not [
        f"{path.relative_to(ROOT)}:{line}: imports {name}"
        for path in paths
        for line, name in _absolute_imports(path)
        if name.split(".")[0] == "tests"
    ]


def _absolute_imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports by a relative name"
            yield node.lineno, node.module or ""


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
