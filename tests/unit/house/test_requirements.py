"""The lists of packages hold exact versions, hashes, and no addresses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.unit.house.sources import ROOT

FOLDER = ROOT / "requirements"
LISTS = sorted(FOLDER.glob("*.txt"))
INPUTS = sorted(FOLDER.glob("*.in"))
ADDRESS = re.compile(r"\w+://|file:|git\+")


def name_of(path: Path) -> str:
    return path.name


def requirements(path: Path) -> list[str]:
    """Return the entries of a list, each with its hashes on one line."""
    return path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("path", LISTS, ids=name_of)
def test_every_entry_has_a_version_and_hashes(path: Path) -> None:
    entry = re.compile(
        r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,-]+\])?==\S+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+"
    )
    wrong = [line for line in requirements(path) if line.strip() and not entry.fullmatch(line.strip())]
    assert requirements(path)
    assert not wrong


@pytest.mark.parametrize("path", [*LISTS, *INPUTS, *(FOLDER / "node").iterdir()], ids=name_of)
def test_no_list_holds_an_address(path: Path) -> None:
    assert not ADDRESS.findall(path.read_text(encoding="utf-8"))


def test_every_input_has_its_list_and_is_locked() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    locked = re.search(r"for name in ([a-z ]+); do uv pip compile", makefile)
    assert locked
    assert {path.stem for path in INPUTS} == {path.stem for path in LISTS} == set(locked[1].split())


def test_every_node_package_has_a_hash() -> None:
    packages = json.loads((FOLDER / "node" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    wrong = [name for name, entry in packages.items() if name and "integrity" not in entry]
    assert len(packages) > 1
    assert not wrong
