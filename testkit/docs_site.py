"""Prepares the docs site: `python -m testkit.docs_site FOLDER` writes what Zensical builds there.

The site shows the documents as they lie in the repository. The README is its first page; CONTRIBUTING and
CHANGELOG are pages, too. A link to another file of the repository leads to a page that shows this file. The
list of decisions and the navigation are made here, so nothing of the site is written by hand or committed.

Source: docs/decisions/054-docs-site.md.
"""

from __future__ import annotations

import json
import posixpath
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from testkit.docs_markdown import is_outside, links_of, resolved, with_links, with_wide_lists

ROOT: Final = Path(__file__).parents[1]
SETTINGS: Final = "zensical.toml"
NAVIGATION: Final[Mapping[str, tuple[str, ...]]] = {
    "Play": ("index.md", "connect.md", "tools.md", "rules.md", "leaderboard.md", "replays.md"),
    "Operate": (
        "operations.md", "deployment.md", "kubernetes.md", "settings.md", "balancers.md", "redis.md",
        "ingress.md", "scaling.md", "capacity.md", "operations/overview.md", "operations/failover.md",
        "operations/regions.md", "backups.md", "copy-and-prune.md", "import.md", "security.md",
        "runbook.md", "training.md", "observability.md", "metrics.md", "logs.md", "traces.md",
    ),
    "Research": ("trajectories.md", "lab.md", "balance.md", "catalogue.md", "performance.md", "load.md"),
    "Design": (
        "architecture.md", "follow-a-turn.md", "glossary.md", "testing.md", "chaos.md",
        "contributing.md", "changelog.md",
    ),
}  # fmt: skip
"""The documents by the kind of their reader; one that stands nowhere gets the end of `_MORE`."""
_MORE: Final = "Operate"
_PAGES: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""Files of the repository beside docs/, and their places in the site."""
_SHOWN: Final = "repository/"
"""The folder of the pages that show further files of the repository."""
_DECISIONS: Final = "docs/decisions"
_HIDDEN: Final = "---\nhide: [navigation]\nsearch: {exclude: true}\n---\n\n"
"""The head of a page of such a file: no place in the navigation, no result of the search."""
_LANGUAGES: Final = {
    ".py": "python", ".sh": "bash", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml",
    ".conf": "nginx", ".sql": "sql",
}  # fmt: skip
_TREE_COMMENT: Final = "# Made by testkit/docs_site.py from the file of the same name in the repository.\n"


def main() -> int:
    """Write the sources of the site into a new folder, the argument."""
    if len(sys.argv) != 2:
        print("usage: python -m testkit.docs_site FOLDER", file=sys.stderr)
        return 2
    prepare(Path(sys.argv[1]))
    return 0


def prepare(folder: Path) -> None:
    """Write settings and pages; what the folder held of an earlier preparation is replaced."""
    pages = folder / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages, ignore=shutil.ignore_patterns("*.md"))
    for site, text in _pages().items():
        place = pages / site
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page(site, text), encoding="utf-8")
    settings = _source(SETTINGS).replace("[project]\n", f"[project]\nnav = {_navigation()}\n", 1)
    (folder / SETTINGS).write_text(_TREE_COMMENT + settings, encoding="utf-8")


def page(site: str, text: str) -> str:
    """Return the text of a page with the links of the site and with lists for Python-Markdown.

    Args:
        site: Its place in the site, for example `tools.md`.
        text: The text in the repository.
    """
    origin = _origin(site)

    def replaced(target: str) -> str:
        if is_outside(target):
            return target
        path, anchor = resolved(origin, target)
        if not (ROOT / path).exists():
            return target  # the build reports it
        return posixpath.relpath(_site_path(path), posixpath.dirname(site) or ".") + anchor

    return with_wide_lists(with_links(text, replaced))


def _pages() -> dict[str, str]:
    """Return the text of each page as it is in the repository, by its place in the site."""
    made = {name: _source(f"docs/{name}") for name in [*_documents(), *_decisions()]}
    made |= {site: _source(path) for path, site in _PAGES.items()}
    made["decisions/index.md"] = _index_of_decisions()
    return made | {_site_path(path): _shown(path) for path in sorted(_linked())}


def _navigation() -> str:
    """Return the navigation as TOML: arrays and texts are written as in JSON."""
    named = {name for names in NAVIGATION.values() for name in names}
    there = set(_documents()) | set(_PAGES.values())
    parts = {title: [name for name in names if name in there] for title, names in NAVIGATION.items()}
    parts[_MORE] += [name for name in _documents() if name not in named]
    decisions = ["decisions/index.md", *_decisions()]
    lines = []
    for title, names in parts.items():
        entries = [_entry(name) for name in names]
        if title == "Design":
            entries.append(f'{{"Decisions" = [{", ".join(map(_entry, decisions))}]}}')
        lines.append(f'  {{"{title}" = [{", ".join(entries)}]}},')
    return "\n".join(["[", *lines, "]"])


def _entry(name: str) -> str:
    """Return a page of the navigation with its own heading as title."""
    if name == "decisions/index.md":
        return json.dumps(name)
    heading = _source(_origin(name)).partition("\n")[0].removeprefix("# ")
    return f"{{{json.dumps(heading)} = {json.dumps(name)}}}"


def _documents() -> list[str]:
    found = (path.relative_to(ROOT / "docs").as_posix() for path in sorted((ROOT / "docs").rglob("*.md")))
    return [name for name in found if not name.startswith("decisions/")]


def _decisions() -> list[str]:
    return [f"decisions/{path.name}" for path in sorted((ROOT / _DECISIONS).glob("*.md"))]


def _origin(site: str) -> str:
    """Return the path in the repository that a page was made from."""
    for path, place in _PAGES.items():
        if site == place:
            return path
    return site.removeprefix(_SHOWN) if site.startswith(_SHOWN) else f"docs/{site}"


def _site_path(path: str) -> str:
    """Return the place in the site of a file or folder of the repository."""
    if path in _PAGES:
        return _PAGES[path]
    if path == _DECISIONS:
        return "decisions/index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (ROOT / path).is_dir():
        return f"{_SHOWN}{path}/folder.md"
    return f"{_SHOWN}{path}" if path.endswith(".md") else f"{_SHOWN}{path}.md"


def _linked() -> set[str]:
    """Return the files outside docs/ that pages link to, and those that these link to, and so on."""
    waiting = [*_PAGES, *(f"docs/{name}" for name in [*_documents(), *_decisions()])]
    found: set[str] = set()
    while waiting:
        origin = waiting.pop()
        for target in links_of(_source(origin)):
            path, _ = resolved(origin, target)
            is_ours = not is_outside(target) and not path.startswith(("docs/", "..")) and path not in _PAGES
            if is_ours and path not in found and (ROOT / path).exists():
                found.add(path)
                if path.endswith(".md"):
                    waiting.append(path)
    return found


def _source(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _shown(path: str) -> str:
    """Return a page for a file or a folder of the repository."""
    place = ROOT / path
    if place.is_dir():
        names = [f"{one.name}/" if one.is_dir() else one.name for one in sorted(place.iterdir())]
        listed = "\n".join(f"* `{name}`" for name in names)
        return f"{_HIDDEN}# {path}/\n\nA folder of the repository with:\n\n{listed}\n"
    if path.endswith(".md"):
        return _source(path)
    language = _LANGUAGES.get(place.suffix, "text")
    shown = f"`````{language}\n{_source(path).rstrip()}\n`````\n"
    return f"{_HIDDEN}# {path}\n\nA file of the repository:\n\n{shown}"


def _index_of_decisions() -> str:
    entries = []
    for name in _decisions():
        title = _source(f"docs/{name}").partition("\n")[0].removeprefix("# ")
        entries.append(f"* [{title}]({posixpath.basename(name)})")
    intro = "Each decision names its reasons, and the alternatives that were tried and dropped."
    return "\n".join(["# Decisions", "", intro, "", *entries, ""])


if __name__ == "__main__":
    sys.exit(main())
