"""The source files of the package, and their module names."""

from __future__ import annotations

import ast
import gc
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "src" / "dungeonfighter"
MODULES = sorted(PACKAGE.rglob("*.py"))


def parsed(path: Path) -> ast.Module:
    """Parse a source file, without the garbage collector.

    A collection may run a finalizer of an earlier test, such as that of a pending task, which logs.
    The parser of CPython 3.11 then fails ("AST constructor recursion depth mismatch").
    """
    source = path.read_text(encoding="utf-8")
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        if was_enabled:
            gc.enable()


def dotted_name(path: Path) -> str:
    """Return the module name of a file below `dungeonfighter`; a package has the name of its folder."""
    parts = path.with_suffix("").parts
    start = len(parts) - 1 - parts[::-1].index("dungeonfighter")
    names = parts[start:-1] if parts[-1] == "__init__" else parts[start:]
    return ".".join(names)
