"""Every regular expression of the package, found by reading its modules."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.unit.house.sources import MODULES, dotted_name

_BY_TEXT = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}


class Expression(NamedTuple):
    """Where it stands, how it is written there, and the function of `re` it is given to."""

    module: str
    written: str
    function: str
    flags: str = "0"

    def compiled(self) -> re.Pattern[str] | re.Pattern[bytes]:
        """Itself, with the names of its module."""
        names = vars(importlib.import_module(self.module)) | {"re": re}
        pattern = eval(self.written, names)
        return re.compile(pattern, eval(self.flags, names))


def expressions(path: Path) -> Iterator[Expression]:
    """Those of one module: what goes to `re`, and what msgspec is given as `pattern`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        module, function = dotted_name(path), node.func
        if ast.unparse(function).endswith("Meta"):
            for keyword in node.keywords:
                if keyword.arg == "pattern":
                    yield Expression(module, ast.unparse(keyword.value), "search")
        if (
            isinstance(function, ast.Attribute)
            and ast.unparse(function.value) == "re"
            and function.attr in _BY_TEXT
        ):
            flags = [one.value for one in node.keywords if one.arg == "flags"]
            flags += node.args[1:] if function.attr == "compile" else node.args[2:]
            written = ast.unparse(flags[0]) if flags and "re." in ast.unparse(flags[0]) else "0"
            yield Expression(module, ast.unparse(node.args[0]), function.attr, written)


def all_expressions() -> list[Expression]:
    return [one for path in MODULES for one in expressions(path)]


def other_ways() -> list[str]:
    """Modules that reach for regular expressions by another name than `re`, where nobody would see them."""
    found = []
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_hidden = (isinstance(node, ast.ImportFrom) and node.module in {"re", "regex", "fnmatch"}) or (
                isinstance(node, ast.Import)
                and any(
                    one.name in {"regex", "fnmatch"} or (one.name == "re" and one.asname)
                    for one in node.names
                )
            )
            if is_hidden:
                found.append(dotted_name(path))
    return found
