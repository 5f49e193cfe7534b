"""The prose of the repository: docstrings, comments, identifiers and Markdown, each with its place.

`python -m tests.unit.house.prose [PATH...]` prints every offender and then the number of offenders per room.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from tests.unit.house.sources import ROOT, parsed

LINE_CHARS_MAX: Final = 110
CELL_WORDS_MAX: Final = 60
OPENINGS: Final = ("What", "Whether", "Where", "Who", "How")
"""The words that open a clause without a verb of its own."""
BANNED: Final = frozenset({
    "told", "untold", "telling", "tellings", "blow", "blows", "foe", "foes", "mirror", "mirrors", "asker",
    "askers", "again", "nothing",
})  # fmt: skip
BANNED_TYPES: Final = frozenset({"line", "lines"})
"""Words for a line of text, and no name of a type."""
BANNED_ON_THE_WIRE: Final = frozenset({"offer", "offers", "offered"})
"""Words of the game, so banned in `mcp` and `serving` only."""
SPECIFICATIONS: Final = re.compile(
    r"RFC \d+|MCP \d{4}-\d\d-\d\d|JSON-RPC 2\.0|[a-z_]+\(\d\)"
    r"|(?:PostgreSQL|Prometheus|SQLite|Linux|Python|MessagePack|JSON Schema)\b"
    r"|Elastic Common Schema"
    r"|(?:Gymnasium|WHATWG|W3C|OpenTelemetry|HTML standard|Npgsql|ADO\.NET|MCP Python SDK)\b|\"\s*\(\d{4}\)"
)
"""A public specification, a manual, a man page, or a publication with its year, within a source."""
PARTS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Offender(NamedTuple):
    """One place that breaks a rule."""

    path: Path
    line: int
    problem: str

    @property
    def room(self) -> str:
        """Return `src/hosting`, `tests/unit`, `bench` or `docs`."""
        parts = self.path.relative_to(ROOT).parts
        if parts[0] == "src":
            return f"src/{parts[2]}"
        return (
            "/".join(parts[:2]) if parts[0] == "tests" else "docs" if self.path.suffix == ".md" else parts[0]
        )

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}: {self.problem}"


class Text(NamedTuple):
    """One docstring or comment: the line it begins at, and its text."""

    line: int
    text: str


Rule = Callable[[Path], Iterator[Offender]]


@cache
def tree_of(path: Path) -> ast.Module:
    return parsed(path)


def python_files() -> list[Path]:
    folders = ("src", "tests", "testkit", "bench", "chaos", "load")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def documents() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])


def docstrings(node: ast.AST, *, is_public: bool = True) -> Iterator[tuple[ast.Constant, bool]]:
    """Yield each docstring below a node, and whether it belongs to a public name.

    The string after an assignment counts as the docstring of the assigned name.
    """
    body: list[ast.stmt] = getattr(node, "body", [])
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
        found = string_of(body[0])
        if found is not None:
            yield found, is_public
    for before, statement in pairwise(body):
        found = string_of(statement)
        if found is not None and isinstance(before, ast.Assign | ast.AnnAssign):
            target = before.targets[0] if isinstance(before, ast.Assign) else before.target
            yield found, is_public and not ast.unparse(target).rpartition(".")[2].startswith("_")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            is_private = child.name.startswith("_") and not child.name.endswith("__")
            yield from docstrings(child, is_public=is_public and not is_private and not inside_function)
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from docstrings(child, is_public=is_public)


def string_of(statement: ast.stmt) -> ast.Constant | None:
    """Return the constant of a statement that is one string, else None."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return statement.value if isinstance(statement.value.value, str) else None
    return None


@cache
def texts(path: Path) -> tuple[Text, ...]:
    """Return the docstrings and comments of a Python file."""
    found = [
        Text(one.lineno, one.value) for one, _ in docstrings(tree_of(path)) if isinstance(one.value, str)
    ]
    reader = io.StringIO(path.read_text(encoding="utf-8")).readline
    tokens = tokenize.generate_tokens(reader)
    found += [Text(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]
    return tuple(found)


def identifiers(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield each identifier of a file with its line, and whether it names a type."""
    yield 1, path.stem, False
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name):
                yield node.lineno, name, False
            case ast.AsyncFunctionDef(name=name):
                yield node.lineno, name, False
            case ast.ClassDef(name=name):
                yield node.lineno, name, True
            case ast.arg(arg=name):
                yield node.lineno, name, False
            case ast.keyword(arg=str(name)):
                yield node.value.lineno, name, False
            case ast.alias(name=name, asname=alias):
                yield node.lineno, alias or name.rpartition(".")[2], False
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                yield node.lineno, name, False
            case _:
                pass


def banned_words(path: Path) -> Iterator[Offender]:
    """Find the words that no identifier may contain."""
    room = path.relative_to(ROOT).parts
    is_on_the_wire = room[:2] == ("src", "dungeonfighter") and room[2] in {"mcp", "serving"}
    seen = set()
    for line, name, is_type in identifiers(path):
        words = {part.lower() for part in PARTS.findall(name)}
        banned = words & BANNED | (words & BANNED_TYPES if is_type else set())
        if is_on_the_wire:
            banned |= words & BANNED_ON_THE_WIRE
        if banned and (line, name) not in seen:
            seen.add((line, name))
            yield Offender(path, line, f"the identifier `{name}` contains {', '.join(sorted(banned))}")


def verbless_openings(path: Path) -> Iterator[Offender]:
    """Find the public docstrings that open with a relative clause."""
    for constant, is_public in docstrings(tree_of(path)):
        first = re.match(r"\w+", str(constant.value).lstrip())
        if is_public and first and first[0] in OPENINGS:
            yield Offender(path, constant.lineno, f"a public docstring begins with {first[0]}")


def long_lines(path: Path) -> Iterator[Offender]:
    """Find the lines of docstrings and comments that are too long."""
    lines = path.read_text(encoding="utf-8").splitlines()
    numbers = {
        number for text in texts(path) for number in range(text.line, text.line + text.text.count("\n") + 1)
    }
    for number in sorted(numbers):
        if len(lines[number - 1]) > LINE_CHARS_MAX:
            yield Offender(path, number, f"a line of prose has {len(lines[number - 1])} characters")


def sources(path: Path) -> Iterator[Offender]:
    """Find the `Source:` lines that name no document of the repository and no public specification."""
    for text in texts(path):
        for found in re.finditer(r"\bSource: (.+?)(?:\.\s*\n|\n\s*\n|\Z)", text.text, re.DOTALL):
            line = text.line + text.text.count("\n", 0, found.start())
            for source in re.split(r";\s+", " ".join(found[1].split())):
                if problem := problem_of(source):
                    yield Offender(path, line, problem)


def problem_of(source: str) -> str:
    """Return the problem of one source, or an empty text."""
    named = re.findall(r"[\w./-]+\.(?:md|py|sql|json|toml)\b", source)
    missing = [name for name in named if found_document(name) is None]
    if missing:
        return f"the source {missing[0]} is not in this repository"
    if named:
        document = found_document(named[-1])
        assert document is not None
        text = " ".join(document.read_text(encoding="utf-8").split())
        absent = [title for title in re.findall(r'"([^"]+)"', source) if title not in text]
        return f"{named[-1]} has no section {absent[0]!r}" if absent else ""
    return "" if SPECIFICATIONS.search(source) else f"the source {source!r} is no public specification"


def found_document(name: str) -> Path | None:
    """Return the file of the repository that a source names, from the root or from a folder of `docs`."""
    places = (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", ROOT / "src" / "dungeonfighter")
    return next((place / name for place in places if (place / name).is_file()), None)


def missing_documents(path: Path) -> Iterator[Offender]:
    """Find the documents that a docstring or comment names and the repository lacks."""
    for text in texts(path):
        for found in re.finditer(r"(?<![\w./*-])[\w./-]+\.md\b", text.text):
            if found_document(found[0]) is None:
                line = text.line + text.text.count("\n", 0, found.start())
                yield Offender(path, line, f"the document {found[0]} is not in this repository")


def long_markdown(path: Path) -> Iterator[Offender]:
    """Find the long lines of Markdown prose, and the cells of tables that are paragraphs."""
    is_code = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif is_code:
            continue
        elif line.lstrip().startswith("|"):
            words = max(len(cell.split()) for cell in line.split("|"))
            if words > CELL_WORDS_MAX:
                yield Offender(path, number, f"a cell of a table has {words} words")
        elif len(line) > LINE_CHARS_MAX:
            yield Offender(path, number, f"a line of prose has {len(line)} characters")


RULES_OF_PYTHON: Final[dict[str, Rule]] = {
    "banned words": banned_words,
    "verbless openings": verbless_openings,
    "long lines": long_lines,
    "sources": sources,
    "missing documents": missing_documents,
}
RULES_OF_MARKDOWN: Final[dict[str, Rule]] = {"long lines of Markdown": long_markdown}


def rules_of(path: Path) -> dict[str, Rule]:
    """Return the rules for one file; only the package itself has public docstrings."""
    if path.suffix == ".md":
        return RULES_OF_MARKDOWN
    if path.relative_to(ROOT).parts[0] == "src":
        return RULES_OF_PYTHON
    return {name: rule for name, rule in RULES_OF_PYTHON.items() if name != "verbless openings"}


def main(places: list[str]) -> None:
    """Print the offenders of these paths (of all files without any), and their number by room and rule."""
    wanted = [Path(place).resolve() for place in places] or [ROOT]
    counts: Counter[tuple[str, str]] = Counter()
    for path in [*python_files(), *documents()]:
        if not any(path.is_relative_to(place) for place in wanted):
            continue
        for name, rule in rules_of(path).items():
            for offender in rule(path):
                sys.stdout.write(f"{offender}\n")
                counts[offender.room, name] += 1
    for (room, name), count in sorted(counts.items()):
        sys.stdout.write(f"{room:20} {name:24} {count:5}\n")
    sys.stdout.write(f"{'all':45} {counts.total():5}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
