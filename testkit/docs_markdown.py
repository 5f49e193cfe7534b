"""Markdown of this repository for the docs site: its links, and its lists as Python-Markdown reads them.

The documents are written for a reader of the repository: by the rules of CommonMark, with links to files
everywhere in it. Python-Markdown, which builds the site, wants four spaces for each level of a list and an
empty line before a list.

Source: Python-Markdown's documentation, "Differences".
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Final

LINK: Final = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_FENCE: Final = re.compile(r" *(`{3,}|~{3,})")
_CODE: Final = re.compile(r"(`+)(?:(?!\1).)+?\1(?!`)")
_MARKER: Final = re.compile(r"( *)([*+-]|\d{1,9}[.)]) +(?=\S)")
_TAB_CHARS: Final = 4


def links_of(text: str) -> Iterator[str]:
    """Yield the targets of all links outside code."""
    found: list[str] = []

    def note(target: str) -> str:
        found.append(target)
        return target

    with_links(text, note)
    yield from found


def with_links(text: str, replace: Callable[[str], str]) -> str:
    """Return the text with another target for each link outside code."""
    out = []
    fence = ""
    for line in text.split("\n"):
        fence_before = fence
        fence = fence_after(fence, line)
        out.append(line if fence or fence_before else _line_with_links(line, replace))
    return "\n".join(out)


def is_outside(target: str) -> bool:
    """Return True for a link that leads out of the repository, or nowhere but into its own page."""
    return target.startswith("#") or re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:", target) is not None


def resolved(origin: str, target: str) -> tuple[str, str]:
    """Return the path in the repository to which a link of `origin` leads, and its anchor with `#`."""
    path, sign, anchor = target.partition("#")
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
    return whole, f"{sign}{anchor}"


def with_wide_lists(text: str) -> str:
    """Return the text with four spaces for each level of a list, and an empty line before each list."""
    out: list[str] = []
    levels: list[int] = []
    fence = ""
    was_blank = True
    for line in text.split("\n"):
        if fence or not line.strip():
            fence = fence_after(fence, line)
            out.append(_moved(line, levels) if line.strip() else "")
            was_blank = not fence and not line.strip()
            continue
        indent = len(line) - len(line.lstrip(" "))
        marker = _MARKER.match(line)
        begins_list = marker is not None and not levels
        if was_blank or marker:
            while levels and indent < levels[-1]:
                levels.pop()
        if begins_list and not was_blank and out:
            out.append("")
        out.append(_moved(line, levels))
        if marker:
            levels.append(len(marker[0]))
        fence = fence_after(fence, line[len(marker[0]) :] if marker else line)
        was_blank = False
    return "\n".join(out)


def fence_after(fence: str, line: str) -> str:
    """Return the fence of the code that the next line belongs to; "" outside code."""
    found = _FENCE.match(line)
    if found is None:
        return fence
    if not fence:
        return found[1]
    is_end = found[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if is_end else fence


def _line_with_links(line: str, replace: Callable[[str], str]) -> str:
    out, end = [], 0
    for code in _CODE.finditer(line):
        # A link may have code as its text: the target follows the code.
        out += [LINK.sub(lambda found: replace(found[1]), line[end : code.start()]), code[0]]
        end = code.end()
    rest = LINK.sub(lambda found: replace(found[1]), line[end:])
    return "".join([*out, rest])


def _moved(line: str, levels: list[int]) -> str:
    """Move a line of the innermost list item, whose content begins at `levels[-1]`, to its wide place."""
    if not levels:
        return line
    indent = len(line) - len(line.lstrip(" "))
    beyond = max(0, indent - levels[-1])
    return " " * (_TAB_CHARS * len(levels) + beyond) + line.lstrip(" ")
