"""The rule sets of one release: a run is played to its end under the rules it began with.

New runs begin under the first rule set. If that is a designer's catalogue, the packaged rules follow it. The
rules of earlier releases come last: `catalog/previous/<identity>/` holds the unchanged content of one. A
release that changes the engine and not only content also keeps the former engine, and `ENGINES` names it
with its version.

Source: docs/decisions/007-rules-of-earlier-releases.md; docs/architecture.md, "Rules identity".
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

from dungeonfighter.rules.catalog.loader import load_catalogue
from dungeonfighter.rules.engine import VERSION, Rules, load_rules

ENGINES: Final = {VERSION: Rules}
"""The engines by version; the engine of its version plays the content of `previous/<version>-<hash>/`."""


def shipped_rules(directory: Path | None = None) -> list[Rules]:
    """Return all rules of this release, those for new runs first; each identity occurs once.

    Args:
        directory: Content files that replace packaged ones for new runs.

    Raises:
        SettingsError: The content has problems; the error lists all of them.
    """
    shipped = [load_rules(directory)]
    if directory is not None:
        shipped.append(load_rules())
    shipped += [_previous(folder) for folder in _previous_folders()]
    return list({rules.identity: rules for rules in reversed(shipped)}.values())[::-1]


def _previous_folders() -> list[Path]:
    """Return the folders of earlier releases, newest first; each is named by its identity."""
    root = Path(str(resources.files("dungeonfighter.rules.catalog"))) / "previous"
    return sorted((folder for folder in root.glob("*-*") if folder.is_dir()), reverse=True)


def _previous(folder: Path) -> Rules:
    version = int(folder.name.partition("-")[0])
    return ENGINES[version](load_catalogue(folder))
