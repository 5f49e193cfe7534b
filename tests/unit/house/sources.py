"""The source files of the package, and their module names."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "src" / "dungeonfighter"
MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted_name(path: Path) -> str:
    """Return the module name of a file below `dungeonfighter`; a package has the name of its folder."""
    parts = path.with_suffix("").parts
    start = len(parts) - 1 - parts[::-1].index("dungeonfighter")
    names = parts[start:-1] if parts[-1] == "__init__" else parts[start:]
    return ".".join(names)
