"""Counts the branches of some modules from outside: their sources get marks when they are imported.

`install` must run before the first import of these modules, in a process of its own: the loader adds one
assignment at the beginning of each function and of each branch (both sides of an `if`, the body of a loop,
an `except`, a `case`). The files stay as they are, and a server never imports the marked modules. A marked
module draws no random numbers and waits for nothing, so a seed gives the same simulation with and without
the marks.

Source: docs/decisions/058-many-seeds-and-soak.md.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from msgspec import Struct

_MARKS: Final = "__marks__"
"""The name of the array of marks in each marked module; it begins and ends like no name of this project."""
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Branch(Struct, frozen=True):
    """One place that a run either reaches or not.

    Attributes:
        file: A path below the package.
        line: The line of the statement.
        function: The dotted name of the function.
        text: `begins`, or the first line of the statement; with `not:` the other side of an `if`.
    """

    file: str
    line: int
    function: str
    text: str

    @property
    def name(self) -> str:
        """The branch without its line, which changes with every edit."""
        return f"{self.file} {self.function}: {self.text}"


class _Marker:
    """Adds marks to a syntax tree; the marks are numbered in the order of the walk."""

    def __init__(self, file: str, lines: Sequence[str], first: int) -> None:
        self.branches: list[Branch] = []
        self._file = file
        self._lines = lines
        self._first = first

    def visit(self, body: list[ast.stmt], function: str) -> None:
        """Mark the functions and, inside a function, the branches of a block."""
        for node in body:
            if isinstance(node, ast.ClassDef):
                self.visit(node.body, f"{function}{node.name}.")
            elif isinstance(node, _Function):
                if not _is_stub(node):
                    self._visit_function(node, f"{function}{node.name}")
            elif function and not function.endswith("."):
                self._visit_statement(node, function)

    def _visit_function(self, node: _Function, function: str) -> None:
        at = 1 if ast.get_docstring(node, clean=False) is not None else 0
        inside = node.body[at:]
        self.visit(inside, function)
        self._mark(node.body, node, function, "begins", at)

    def _visit_statement(self, node: ast.stmt, function: str) -> None:
        text = self._lines[node.lineno - 1].strip()
        for block in _blocks(node):
            self.visit(block, function)
        if isinstance(node, ast.If):
            self._mark(node.body, node, function, text)
            self._mark(node.orelse, node, function, f"not: {text}")
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self._mark(node.body, node, function, text)
        elif isinstance(node, ast.Try):
            for handler in node.handlers:
                named = self._lines[handler.lineno - 1].strip()
                self._mark(handler.body, handler, function, named)
        elif isinstance(node, ast.Match):
            for case in node.cases:
                named = self._lines[case.pattern.lineno - 1].strip()
                self._mark(case.body, case.pattern, function, named)

    def _mark(
        self, block: list[ast.stmt], near: ast.stmt | ast.excepthandler | ast.pattern, function: str,
        text: str, at: int = 0,
    ) -> None:  # fmt: skip
        number = self._first + len(self.branches)
        mark = ast.parse(f"{_MARKS}[{number}] = 1").body[0]
        for part in ast.walk(mark):
            if isinstance(part, ast.stmt | ast.expr):
                ast.copy_location(part, near)
        block.insert(at, mark)
        self.branches.append(Branch(self._file, near.lineno, function, text))


def _blocks(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(node, name, [])
    for handler in getattr(node, "handlers", []):
        yield handler.body
    for case in getattr(node, "cases", []):
        yield case.body


def _is_stub(node: _Function) -> bool:
    """Return True for a function without a body of its own, as protocols have them."""
    rest = [
        part
        for part in node.body
        if not isinstance(part, ast.Pass)
        and not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
    ]
    return not rest or (len(rest) == 1 and isinstance(rest[0], ast.Raise) and "NotImpl" in ast.dump(rest[0]))


def marked(source: str, file: str, first: int) -> tuple[ast.Module, list[Branch]]:
    """Return the syntax tree of a source with marks, and its branches, which are numbered from `first`."""
    tree = ast.parse(source)
    marker = _Marker(file, source.splitlines(), first)
    marker.visit(tree.body, "")
    return tree, marker.branches


def branches_of(package: Path, files: Sequence[str]) -> list[Branch]:
    """Return all branches of some files of a package in the order of their numbers."""
    found: list[Branch] = []
    for file in files:
        found += marked((package / file).read_text(encoding="utf-8"), file, len(found))[1]
    return found


def install(package: Path, files: Sequence[str]) -> bytearray:
    """Mark some files of a package from now on; return the marks, which become 1 where a branch is reached.

    Args:
        package: The folder of the package.
        files: Paths below it.

    Raises:
        RuntimeError: One of the modules was imported before.
    """
    firsts: dict[str, int] = {}
    count = 0
    for file in files:
        name = ".".join([package.name, *Path(file).with_suffix("").parts])
        if name in sys.modules:
            raise RuntimeError(f"{name} was imported before its branches were marked")
        firsts[name] = count
        count += len(marked((package / file).read_text(encoding="utf-8"), file, 0)[1])
    marks = bytearray(count)
    sys.meta_path.insert(0, _Finder(firsts, marks))
    return marks


class _Finder(MetaPathFinder):
    """Finds the modules to mark where Python finds them, and gives them another loader."""

    def __init__(self, firsts: dict[str, int], marks: bytearray) -> None:
        self._firsts = firsts
        self._marks = marks

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        first = self._firsts.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if first is not None else None
        if first is None or spec is None or spec.origin is None:
            return None
        spec.loader = _Loader(fullname, spec.origin, first, self._marks)
        return spec


class _Loader(SourceFileLoader):
    """Compiles a module with marks; it neither reads nor writes compiled files."""

    def __init__(self, name: str, path: str, first: int, marks: bytearray) -> None:
        super().__init__(name, path)
        self._first = first
        self._marks = marks

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode("utf-8")
        code: CodeType = compile(marked(source, fullname, self._first)[0], self.path, "exec")
        return code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[_MARKS] = self._marks
        super().exec_module(module)
