"""The commands and files of a document, so that a test runs what an operator reads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from tests.unit.house.sources import ROOT


def blocks(document: str, heading: str) -> list[str]:
    """Return the fenced blocks of one section of a document of `docs`, without their fences."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^ *```\w*\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)


def filled(text: str, places: Mapping[str, str]) -> str:
    """Replace the places of the document by those of a test; each must occur in the longest form first."""
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


def commands(block: str, places: Mapping[str, str]) -> list[list[str]]:
    """Return the commands of a block as words, with the places of a test."""
    return [shlex.split(filled(row, places)) for row in block.splitlines() if row.strip()]
