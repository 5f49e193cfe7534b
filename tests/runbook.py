"""The sections and commands of docs/runbook.md, so that tests run what an operator reads."""

from __future__ import annotations

import re
import textwrap
from typing import Final

from tests.unit.house.sources import ROOT

TEXT: Final = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
_FENCED: Final = re.compile(r"^( *)```\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_QUERY: Final = re.compile(r"--data-urlencode 'query=(.+?)'$", re.MULTILINE)


def sections() -> dict[str, str]:
    """Return the text of each section by its heading."""
    parts = re.split(r"^## (.+)$", TEXT, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def alert_sections() -> dict[str, str]:
    """Return the sections of alerts: those whose heading is one word in CamelCase with a second capital."""
    return {name: text for name, text in sections().items() if re.fullmatch(r"(?:[A-Z][a-z]+){2,}", name)}


def blocks(text: str) -> list[str]:
    """Return the fenced blocks of a text in their order, those of lists too."""
    return [textwrap.dedent(block) for _, block in _FENCED.findall(text)]


def queries(text: str) -> list[str]:
    """Return the expressions that are sent to Prometheus."""
    return [query for block in blocks(text) for query in _QUERY.findall(block)]


def game_commands(text: str) -> list[str]:
    """Return each command of the game in a text, up to a pipe; also those in backticks."""
    found = [row for block in blocks(text) for row in block.splitlines()]
    found += re.findall(r"`([^`\n]*dungeonfighter [^`\n]*)`", text)
    parts = [part.strip() for row in found for part in re.split(r"[|]", row)]
    return [part for part in parts if part.startswith("dungeonfighter ")]
