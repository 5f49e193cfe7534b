"""Modules and functions stay small. CONTRIBUTING.md, "Style", names the limits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.house.sources import MODULES, ROOT, dotted_name, parsed

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every function of a file with its length in lines."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=dotted_name)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES_MAX


@pytest.mark.parametrize("path", MODULES, ids=dotted_name)
def test_functions_are_small(path: Path) -> None:
    long = [f"{name}: {lines} lines" for name, lines in functions(path) if lines > FUNCTION_LINES_MAX]
    assert not long


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_test_modules_are_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MODULE_LINES_MAX


def test_nine_functions_in_ten_are_under_thirty_lines() -> None:
    lengths = [lines for path in MODULES for _, lines in functions(path)]
    assert sum(length <= 30 for length in lengths) >= 0.9 * len(lengths)
