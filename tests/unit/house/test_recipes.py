"""The recipes of CONTRIBUTING.md work: each is applied to a copy of the sources, where its last block runs.

A block belongs to the paragraph before it. The last path of that paragraph is the file to change. The block

* replaces the line that assigns a name, after "the line `NAME`";
* stands after a line, after "after the line `LINE`";
* is a new entry of a table, after "in `NAME` of";
* is a new row of a JSON file, an import, or the end of the file, otherwise.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.house.sources import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


class Step(NamedTuple):
    """One block of code and the paragraph before it, on one line."""

    paragraph: str
    code: str


def recipes() -> dict[str, list[Step]]:
    """Return the steps of each recipe by its title."""
    sections = TEXT.split("\n### ")[1:]
    return {section.partition("\n")[0]: steps(section.partition("\n")[2]) for section in sections}


def steps(section: str) -> list[Step]:
    """Return the blocks of code of one section, without the indentation of their fences."""
    found: list[Step] = []
    paragraph: list[str] = []
    block: list[str] | None = None
    indent = ""
    is_between = False
    for line in section.splitlines():
        word = line.strip()
        if block is None and word.startswith("```"):
            indent, block = line.partition("`")[0], []
        elif block is not None and word == "```":
            found.append(Step(" ".join(paragraph), "".join(f"{one}\n" for one in block)))
            block = None
        elif block is not None:
            block.append(line.removeprefix(indent))
        elif not word:
            is_between = True
        else:
            paragraph = [word] if is_between or word[:1].isdigit() else [*paragraph, word]
            is_between = False
    return found


def apply(step: Step, copy: Path) -> None:
    """Change the file that a step names."""
    named = re.findall(r"`((?:src|tests)/[\w./]+)`", step.paragraph)
    path, code = copy / named[-1], step.code
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if path.suffix == ".json":
        after = json.dumps([*json.loads(before), json.loads(code)])
    elif line := re.search(r"after the line `([^`]+)`", step.paragraph):
        after = before.replace(f"{line[1]}\n", f"{line[1]}\n{code}", 1)
    elif line := re.search(r"the line `(\w+)`", step.paragraph):
        (former,) = [one for one in before.splitlines(keepends=True) if re.match(rf"{line[1]}\b.* = ", one)]
        after = before.replace(former, code)
    elif table := re.search(r"in `(\w+)` of", step.paragraph):
        begin = before.index("{\n", before.index(f"\n{table[1]}:")) + len("{\n")
        if neighbour := re.search(r'here after `("\w+")`', step.paragraph):
            begin = before.index("\n", before.index(f"    {neighbour[1]}: ", begin)) + 1
        after = before[:begin] + code + before[begin:]
    elif before and re.fullmatch(r"(from|import) .*\n", code):
        after = before.replace("\nfrom dungeonfighter", f"\n{code}from dungeonfighter", 1)
    else:
        after = f"{before}\n\n{code}" if before else code
    assert after != before, f"the step changes nothing: {step.paragraph}"
    path.write_text(after, encoding="utf-8")


@pytest.mark.parametrize(
    "title", ["Add a tool", "Add an enemy", "Add a policy", "Add a store", "Add a metric"]
)
def test_a_recipe_works(title: str, tmp_path: Path) -> None:
    *changes, trial = recipes()[title]
    assert trial.paragraph == "Try it:"
    for folder in ("src", "tests", "testkit"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=IGNORED)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for step in changes:
        apply(step, tmp_path)
    paths = os.pathsep.join([str(tmp_path / "src"), str(tmp_path)])
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(trial.code)],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False,
        timeout=100,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_recipe_is_tried() -> None:
    assert set(recipes()) == {"Add a tool", "Add an enemy", "Add a policy", "Add a store", "Add a metric"}
    assert all(len(blocks) >= 2 for blocks in recipes().values())
