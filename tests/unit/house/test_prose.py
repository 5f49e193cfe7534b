"""The prose of the whole repository keeps the rules of the house; every offender is printed with its line.

`python -m tests.unit.house.prose [PATH...]` prints the same without pytest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.house import prose
from tests.unit.house.prose import Rule
from tests.unit.house.sources import ROOT

FILES = [*prose.python_files(), *prose.documents()]
RULES = {name for path in FILES for name in prose.rules_of(path)}


def room_of(path: Path) -> str:
    return prose.Offender(path, 1, "").room


CASES = sorted({(name, room_of(path)) for path in FILES for name in prose.rules_of(path)})


@pytest.mark.parametrize(("name", "room"), CASES, ids=[f"{room}: {name}" for name, room in CASES])
def test_the_prose_of_a_room_keeps_the_rule(name: str, room: str) -> None:
    files = [path for path in FILES if room_of(path) == room]
    offenders = [
        str(offender)
        for path in files
        if name in prose.rules_of(path)
        for offender in prose.rules_of(path)[name](path)
    ]
    assert not offenders, "\n".join(["", *offenders])


PYTHON = '''
"""Whether it is.

Source: docs/no-such.md, "Words"; RFC 9110, section 5.
"""

SIZE = 1
"""How large."""
_SIZE = 1
"""How large, privately."""


class EnemyLine:
    def is_told(self, foe_count: int) -> None:
        """Where it stands."""


class _Private:
    def method(self) -> None:
        """Who asks."""


def public() -> None:
    """Return the source.

    Source: somebody's diary.
    """

    def inner() -> None:
        """How it works."""

    inner(blow=1)  # %s
''' % ("x" * 110)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a module of a room `mcp` that breaks each rule."""
    path = tmp_path / "src" / "dungeonfighter" / "mcp" / "offered.py"
    path.parent.mkdir(parents=True)
    path.write_text(PYTHON, encoding="utf-8")
    monkeypatch.setattr(prose, "ROOT", tmp_path)
    return path


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (prose.verbless_openings, [2, 8, 15]),
        (prose.banned_words, [1, 13, 14, 14, 32]),
        (prose.long_lines, [32]),
        (prose.sources, [4, 26]),
        (prose.missing_documents, [4]),
    ],
)
def test_a_rule_finds_each_offender(written: Path, rule: Rule, lines: list[int]) -> None:
    assert sorted(offender.line for offender in rule(written)) == lines


def test_a_long_line_and_a_long_cell_of_markdown_are_found_but_no_code_and_no_table_row(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.md"
    long = "word " * 40
    path.write_text(f"{long}\n| {long} |\n| {long} {long} |\n```\n{long}\n```\n- {long}\n", encoding="utf-8")
    assert [offender.line for offender in prose.long_markdown(path)] == [1, 3, 7]


@pytest.mark.parametrize(
    ("source", "is_right"),
    [
        ('docs/architecture.md, "Processes".', True),
        ('docs/architecture.md, "A section that is not there".', False),
        ("docs/decisions/010-batches.md.", True),
        ("game.md sections 1 and 10.", False),
        ("RFC 9112, section 3.2.", True),
        ("socket(7).", True),
        ("MCP 2026-07-28, basic/transports/streamable-http.", True),
        ("the house style", False),
    ],
)
def test_a_source_is_a_document_of_the_repository_or_a_public_specification(
    source: str, is_right: bool
) -> None:
    assert (prose.problem_of(source) == "") is is_right


def test_every_rule_is_applied() -> None:
    assert set(prose.RULES_OF_PYTHON) | set(prose.RULES_OF_MARKDOWN) == RULES
    assert (ROOT / "docs").is_dir()
