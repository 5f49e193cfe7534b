"""Every regular expression of the package, found by reading its modules."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.unit.house.sources import MODULES, dotted_name, parsed

_BY_TEXT = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}


class Expression(NamedTuple):
    """One regular expression: its module, its source text, and the function of `re` that takes it."""

    module: str
    written: str
    function: str
    flags: str = "0"

    def compiled(self) -> re.Pattern[str] | re.Pattern[bytes]:
        """Return the compiled expression; names in its source are those of its module."""
        names = vars(importlib.import_module(self.module)) | {"re": re}
        pattern = eval(self.written, names)
        return re.compile(pattern, eval(self.flags, names))


def expressions(path: Path) -> Iterator[Expression]:
    """Yield the expressions of one module: arguments of `re`, and each `pattern` of a msgspec `Meta`."""
    for node in ast.walk(parsed(path)):
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
    """Return the modules that import `re` under another name, or another module of patterns."""
    found = []
    for path in MODULES:
        for node in ast.walk(parsed(path)):
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
