"""The rule sets that one release ships at once: a run is played to its end under the rules it began with.

New runs begin under the first of them. Behind it stand the packaged rules, where a designer's catalogue is in
front, and those of earlier releases: `catalog/previous/<identity>/` holds the content of one, as it was.
When a release changes the engine and not only content, the engine before it is kept as well and named in
`ENGINES` with its version.

Source: docs/decisions/007-rules-of-earlier-releases.md; docs/architecture.md, "Rules identity".
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from dungeonfighter.rules.catalog.loader import load_catalogue
from dungeonfighter.rules.engine import VERSION, Rules, load_rules

ENGINES: Final = {VERSION: Rules}
"""Engines by version; `previous/<version>-<hash>/` is played by the engine of its version."""


def shipped_rules(directory: Path | None = None) -> list[Rules]:
    """All rules of this release, those for new runs first; each identity once.

    Args:
        directory: Content files that replace packaged ones for new runs.

    Raises:
        SettingsError: All problems of the content.
    """
    shipped = [load_rules(directory)]
    if directory is not None:
        shipped.append(load_rules())
    shipped += [_previous(folder) for folder in _previous_folders()]
    return list({rules.identity: rules for rules in reversed(shipped)}.values())[::-1]


def _previous_folders() -> list[Path]:
    """The folders of earlier releases, newest first; named `<identity>`."""
    root = Path(str(resources.files("dungeonfighter.rules.catalog"))) / "previous"
    return sorted((folder for folder in root.glob("*-*") if folder.is_dir()), reverse=True)


def _previous(folder: Path) -> Rules:
    version = int(folder.name.partition("-")[0])
    return ENGINES[version](load_catalogue(folder))
