"""Writes docs/settings.md from the code: each setting with its names, its default and its meaning.

`python -m testkit.settings_reference` writes it, and a test of the house fails while it is out of date.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from dungeonfighter.setting_fields import FIELDS, Field
from dungeonfighter.settings import NOT_YET

ROOT: Final = Path(__file__).resolve().parents[1]
PLACE: Final = ROOT / "docs" / "settings.md"
HEAD: Final = """\
# Settings

Each setting of `serve` is a flag and an environment variable; the flag wins. An empty variable counts as not
given. The server reports all problems at once, at its start. The last column says when a running server
reads a setting again. `make docs` writes this file from the code.

| variable | flag | default | meaning | read again |
|---|---|---|---|---|
"""
_DEFAULT: Final = re.compile(r" ?\((?:(.*); )?default: ([^;)]*(?:\([^)]*\))?[^;)]*)(?:; ([^)]*))?\)")


def text() -> str:
    """Return the content of the file."""
    rows = "".join(map(_row, FIELDS))
    later = ", ".join(f"`{name}`" for name in NOT_YET)
    return f"{HEAD}{rows}\n{later}: known, and without an effect in this version.\n"


def _row(field: Field) -> str:
    variables = " or ".join(f"`{name}`" for name in field.variables)
    flags = " or ".join(f"`{name} {field.metavar.replace('|', chr(92) + '|')}`" for name in field.flags)
    reread = "no"
    if field.is_secret:
        variables += f", `{field.file_variable}`"
        flags += f", `{field.file_flag} FILE`"
        reread = "its file, on SIGHUP"
    default, meaning = _split(field)
    if field.most:
        meaning += f"; more than {field.most} count as {field.most}"
    if field.see:
        anchor = re.sub(r"[^\w\- ]", "", field.see.lower()).replace(" ", "-")
        meaning += f", see [{field.see}](operations.md#{anchor})"
    return f"| {variables} | {flags} | {default} | {meaning} | {reread} |\n"


def _split(field: Field) -> tuple[str, str]:
    """Return the default and the rest of a purpose, which names both."""
    purpose = field.purpose.replace("|", r"\|")
    found = _DEFAULT.search(purpose)
    if found is None:
        return "", purpose
    rest = [part for part in (found[1], found[3]) if part]
    kept = f" ({'; '.join(rest)})" if rest else ""
    return found[2], purpose[: found.start()] + kept + purpose[found.end() :]


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
