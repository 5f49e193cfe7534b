"""The documents say what is: links lead somewhere, settings and commands are there, nothing local leaks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dungeonfighter.cli import COMMANDS
from dungeonfighter.settings import FIELDS
from tests.unit.house.sources import MODULES, ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert not missing


def test_every_setting_is_described() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert not {variable for field in FIELDS for variable in field.variables if f"`{variable}`" not in text}


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not {name for name in COMMANDS if f"`dungeonfighter {name}" not in text}


def test_every_make_target_in_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = {
        name
        for path in DOCUMENTS
        for name in re.findall(
            r"^make ([a-z0-9-]+)|`make ([a-z0-9-]+)", path.read_text(encoding="utf-8"), re.MULTILINE
        )
        for name in name
        if name
    }
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
