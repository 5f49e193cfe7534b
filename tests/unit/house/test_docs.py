"""The documents name what exists: links, paths, modules, settings, commands; no path of a machine leaks."""

from __future__ import annotations

import importlib
import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from dungeonfighter.cli import COMMANDS
from tests.unit.house.sources import MODULES, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*.md")])
PLACES: Final = (
    "",
    "src/dungeonfighter",
    "src/dungeonfighter/rules",
    "docs",
    "docs/decisions",
    "tests/unit/house",
)
"""The folders that a path in a document may start from."""
ROOMS: Final = {
    path.stem for path in (ROOT / "src" / "dungeonfighter").iterdir() if not path.name.startswith("_")
}
NOT_OURS: Final = {
    "tools/call",
    "tools/list",
    "mcp.shared.inbound",
    "dungeonfighter.db",
    "dungeonfighter.db-wal",
    "docs/decisions/NNN",
    "~/.cache/dungeonfighter",
    "bench-results/bench.json",
    "bench-results/eighty.json",
    "bench-results/peers-venv",
    ".parts/venv",
    ".parts/node",
    "previous/<identity>/",
    "src/dungeonfighter/bots/cautious.py",
    "src/dungeonfighter/storage/logged.py",
    "tests/contract/test_logged_store.py",
}
"""Methods of the protocol, modules of the SDK, paths of users, of generated files and of examples."""
IS_PATH: Final = re.compile(
    r"[\w.~<>/-]+/|[\w.~<>/-]*\.(?:py|md|sql|json|js|toml|txt|in|typed)|[a-z_]+(?:/[a-z_0-9.]+)+"
)
IS_MODULE: Final = re.compile(r"([a-z_]+(?:\.[a-z_]+)+)((?:\.[A-Za-z_]+)*)")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_anchors_lead_to_headings(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", path.read_text(encoding="utf-8"))
    ours = [(path.parent / file if file else path, anchor) for file, anchor in links if "://" not in file]
    assert not [anchor for file, anchor in ours if anchor not in anchors(file)]


def quoted(path: Path) -> list[str]:
    """Return what a document has in backticks, outside of blocks of code."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`([^`\n]+)`", text)


def exists(name: str) -> bool:
    """Return True if a path exists below one of `PLACES`, or matches a file there."""
    if name in NOT_OURS or "<" in name:
        return True
    return any(next((ROOT / place).glob(name.rstrip("/")), None) is not None for place in PLACES)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_path_in_backticks_exists(path: Path) -> None:
    names = [name for name in quoted(path) if IS_PATH.fullmatch(name) and not name.startswith("/")]
    assert not [name for name in names if not exists(name)]


def imported(name: str) -> object:
    """Import `package.module.attribute.attribute` or `package.module:attribute.attribute`.

    Raises:
        ImportError, AttributeError: There is no such thing.
    """
    parts = name.replace(":", ".").split(".")
    count = next(
        (n for n in range(len(parts), 0, -1) if exists("src/dungeonfighter/" + "/".join(parts[:n]) + ".py")),
        1,
    )
    found: object = importlib.import_module(".".join(["dungeonfighter", *parts[:count]]))
    for part in parts[count:]:
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_module_in_backticks_exists(path: Path) -> None:
    names = [name.removeprefix("dungeonfighter.") for name in quoted(path)]
    modules = [
        name
        for name in names
        if IS_MODULE.fullmatch(name)
        and name.split(".")[0] in ROOMS
        and not IS_PATH.fullmatch(name)
        and name not in NOT_OURS
    ]
    for name in modules:
        imported(name)


STEPS: Final = [
    name for name in quoted(ROOT / "docs" / "follow-a-turn.md") if re.fullmatch(r"[a-z_.]+:[A-Za-z_.]+", name)
]


@pytest.mark.parametrize("name", sorted(set(STEPS)))
def test_every_step_of_a_turn_is_a_function_or_a_class(name: str) -> None:
    assert callable(imported(name)) or ":" not in name


def test_a_turn_has_steps() -> None:
    assert len(STEPS) > 30


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not {name for name in COMMANDS if f"`dungeonfighter {name}" not in text}


def test_every_make_target_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = set()
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for block in re.findall(r"^ *```\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
            named.update(re.findall(r"^make ([a-z0-9-]+)", block, re.MULTILINE))
        named.update(re.findall(r"`make ([a-z0-9-]+)", text))
    assert named <= targets


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_sources_cite_sections_that_exist(path: Path) -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    cited = re.findall(r'docs/architecture\.md, "([^"]+)"', path.read_text(encoding="utf-8"))
    assert not [section for section in cited if section not in architecture]


def test_no_file_names_a_folder_of_one_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    pattern = re.compile(r"(?<![\w.])/(?:home|root|Users|work|opt)/[\w.]+")
    wrong = []
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".txt", ".json", ".js", ".css", ".html", ".sql", ""}
            and path.is_file()
        ):
            wrong += [
                f"{name}: {hit}"
                for hit in pattern.findall(path.read_text(encoding="utf-8", errors="replace"))
            ]
    assert not wrong
