"""Figures to try: other values for constants of the rules and rows of the catalogue, without editing code.

A file of figures is one JSON object with up to three members:

* `tables`: names of `rules/tables.py`. A value is a number; a list with as many numbers as the table has;
  `{"curve": [a, b, c]}`, which gives each place p of the table the number a + b n + c n^2 with n = p - 1,
  rounded down; `{"scale": 1.2}`, a factor on all numbers; or `{"at": {"3": 7}}`, single places or keys.
* `limits`: the numbers of `limits.py` that are rules of the game.
* `catalogue`: fields by kind and id, for example `{"talents": {"riposte": {"amount": 1500}}}`.

The rules compute further constants from these at import. So the figures are put into the source of
`rules/tables.py` while it is imported for the first time, which needs a process that has not imported the
rules. This module imports none of them at its top.
"""

from __future__ import annotations

import ast
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import SettingsError

if TYPE_CHECKING:
    from dungeonfighter.rules import Rules

TABLES: Final = "dungeonfighter.rules.tables"
LIMITS: Final = (
    "bag_items_max", "fight_actions_max", "ranked_turns_max", "strip_slots_max",
)  # fmt: skip
"""The names of `limits.py` that are rules of the game."""
_CHANGE: Final = "_figure"
_CONTENT: Final = Path(__file__).parents[1] / "rules" / "catalog" / "content"


class Figures(Struct, frozen=True, forbid_unknown_fields=True):
    """The figures of one file; without any the rules stay as they are."""

    tables: dict[str, Any] = {}
    limits: dict[str, int] = {}
    catalogue: dict[str, dict[str, dict[str, Any]]] = {}

    def __bool__(self) -> bool:
        return bool(self.tables or self.limits or self.catalogue)

    @property
    def identity(self) -> str:
        """Eight hex digits over the figures; "" without any."""
        return blake2b(msgspec.json.encode(self, order="sorted"), digest_size=4).hexdigest() if self else ""


def read_figures(path: Path | None) -> Figures:
    """Read and check a file of figures; None gives none.

    Raises:
        SettingsError: Lists every problem: an unreadable file, unknown names, values of a wrong shape.
    """
    if path is None:
        return Figures()
    try:
        figures = msgspec.json.decode(path.read_bytes(), type=Figures)
    except OSError as error:
        raise SettingsError([f"{path}: cannot be read: {error.strerror}"]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"{path}: {error}; the members are tables, limits and catalogue"]) from None
    if problems := [f"{path}: {problem}" for problem in _problems(figures)]:
        raise SettingsError(problems)
    return figures


def _problems(figures: Figures) -> Iterator[str]:
    from dungeonfighter.rules import tables

    known = {name: value for name, value in vars(tables).items() if name.isupper()}
    for name, given in figures.tables.items():
        if name not in known:
            yield f"tables: rules/tables.py has no {name}"
            continue
        try:
            changed(known[name], given)
        except ValueError as error:
            yield f"tables: {name}: {error}"
    for name in figures.limits.keys() - set(LIMITS):
        yield f"limits: {name} is no rule of the game; there are {', '.join(LIMITS)}"
    try:
        for kind, rows in figures.catalogue.items():
            _rows(kind, rows)
    except ValueError as error:
        yield f"catalogue: {error}"


def changed(value: object, given: object) -> object:
    """Return the value of a table with a figure applied; see the description of this module.

    Raises:
        ValueError: The figure does not fit the value.
    """
    if isinstance(given, Mapping):
        return _by_rule(value, given)
    if isinstance(value, int) and isinstance(given, int):
        return given
    if isinstance(value, tuple) and isinstance(given, Sequence) and not isinstance(given, str):
        if len(value) != len(given):
            raise ValueError(f"the table has {len(value)} places, not {len(given)}")
        return tuple(changed(old, new) for old, new in zip(value, given, strict=True))
    raise ValueError("a number replaces a number, a list a list")


def _by_rule(value: object, given: Mapping[str, Any]) -> object:
    match dict(given):
        case {"scale": int() | float() as factor}:
            return _scaled(value, Fraction(str(factor)))
        case {"curve": [a, b, c]} if isinstance(value, tuple):
            first, linear, square = (Fraction(str(number)) for number in (a, b, c))
            places = range(-1, len(value) - 1)
            return tuple(math.floor(first + linear * n + square * n * n) for n in places)
        case {"at": dict() as places} if isinstance(value, tuple | dict):
            return _placed(value, places)
    raise ValueError('a rule is {"scale": 1.2}, {"curve": [a, b, c]} or {"at": {"3": 7}}')


def _scaled(value: object, factor: Fraction) -> object:
    if isinstance(value, tuple):
        return tuple(_scaled(one, factor) for one in value)
    if isinstance(value, int):
        return math.floor(value * factor)
    raise ValueError("only numbers can be scaled")


def _placed(value: tuple[Any, ...] | dict[Any, Any], places: Mapping[str, Any]) -> object:
    keys = {str(key): key for key in (value if isinstance(value, dict) else range(len(value)))}
    if missing := places.keys() - keys.keys():
        raise ValueError(f"there is no place {', '.join(sorted(missing))}")
    new = dict(value) if isinstance(value, dict) else dict(enumerate(value))
    for place, given in places.items():
        new[keys[place]] = changed(new[keys[place]], given)
    return new if isinstance(value, dict) else tuple(new.values())


def _rows(kind: str, rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a content file with the given fields changed.

    Raises:
        ValueError: There is no such file or row.
    """
    path = _CONTENT / f"{kind}.json"
    kinds = sorted(file.stem for file in _CONTENT.glob("*.json"))
    if kind not in kinds:
        raise ValueError(f"there is no kind {kind!r}; there are {', '.join(kinds)}")
    content: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    by_id = {row["id"]: row for row in content}
    for name, fields in rows.items():
        if name not in by_id:
            raise ValueError(f"{kind}.json has no row {name!r}")
        by_id[name].update(fields)
    return content


def open_rules(figures: Figures) -> Rules:
    """Return the rules with these figures; the identity of changed rules ends with that of the figures.

    From then on `load_rules` returns them, too, because policies read the catalogue with it.

    Raises:
        RuntimeError: This process has imported the rules already, so that tables would not change.
        SettingsError: The content has problems.
    """
    if figures.tables or figures.limits:
        if TABLES in sys.modules:
            raise RuntimeError("figures need a process that has not imported the rules")
        for name, value in figures.limits.items():
            setattr(limits, name, value)
        sys.meta_path.insert(0, _TablesFinder(figures.tables))
    from dungeonfighter import rules as package
    from dungeonfighter.rules import engine

    rules = _with_content(figures, package.load_rules)
    if figures:
        rules.identity = f"{rules.identity}+{figures.identity}"
        package.load_rules = engine.load_rules = lambda directory=None: rules
    return rules


def _with_content(figures: Figures, load: Callable[[Path | None], Rules]) -> Rules:
    if not figures.catalogue:
        return load(None)
    with tempfile.TemporaryDirectory() as folder:
        for kind, rows in figures.catalogue.items():
            (Path(folder) / f"{kind}.json").write_text(json.dumps(_rows(kind, rows)), encoding="utf-8")
        return load(Path(folder))


class _TablesFinder(MetaPathFinder):
    """Finds `rules/tables.py` for the import system, with figures in place."""

    def __init__(self, figures: Mapping[str, Any]) -> None:
        self._figures = figures

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != TABLES:
            return None
        spec = PathFinder.find_spec(fullname, path)
        assert spec is not None
        assert spec.origin is not None
        spec.loader = _TablesLoader(fullname, spec.origin, self._figures)
        return spec


class _TablesLoader(SourceFileLoader):
    """Loads the module with a statement after each changed constant, so that later ones follow from it."""

    def __init__(self, fullname: str, path: str, figures: Mapping[str, Any]) -> None:
        super().__init__(fullname, path)
        self._figures = figures

    def get_code(self, fullname: str) -> CodeType | None:
        tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
        tree.body = [new for statement in tree.body for new in self._with_figure(statement)]
        return compile(ast.fix_missing_locations(tree), self.path, "exec")

    def exec_module(self, module: ModuleType) -> None:
        vars(module)[_CHANGE] = lambda name, value: changed(value, self._figures[name])
        super().exec_module(module)

    def _with_figure(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        yield statement
        targets = (
            statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        )
        for target in targets:
            if isinstance(target, ast.Name) and target.id in self._figures:
                yield ast.parse(f"{target.id} = {_CHANGE}({target.id!r}, {target.id})").body[0]
