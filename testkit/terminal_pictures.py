"""Pages that show how `play` looks in panes of several kinds, for a person to judge.

`python -m testkit.terminal_pictures FOLDER` writes an HTML page for each view; it needs tmux. With
`--situations` it writes the places and fights of `terminal_situations` instead, all or the named ones, at 80
columns with 24 and 40 rows, in colour and without, and each page of a long one; `chromium --headless
--screenshot` makes a picture of a page.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from testkit import terminal_situations
from testkit.server_process import ROOT
from testkit.terminal_pane import Pane

_CODE: Final = re.compile(r"\x1b\[([0-9;]*)m")
_STYLES: Final = {
    "1": "font-weight:bold", "2": "opacity:.6", "31": "color:#ff6b6b", "32": "color:#6bd968",
    "33": "color:#e5c453", "36": "color:#5fd7e8",
}  # fmt: skip
_PAGE: Final = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #16181d; display: inline-block }}
pre {{ margin: 0; padding: 12px; color: #d8dbe0; font: 15px/1.2 "DejaVu Sans Mono", monospace }}
</style><pre>{}</pre>
"""
KINDS: Final[Mapping[str, tuple[int, Mapping[str, str]]]] = {
    "color": (80, {}),
    "plain": (80, {"NO_COLOR": "1"}),
    "ascii": (80, {"LANG": "C"}),
    "narrow": (44, {}),
    "wide": (140, {}),
}
"""The columns and the environment of each kind of pane."""
TURNS_MAX: Final = 40
TALL: Final = 120
"""The rows of a pane that shows the whole explanation of a fight."""
MORE: Final = ": Enter shows more, q stops) >"
"""The end of the prompt below a page that is not the last one."""
ROWS: Final = (24, 40)
"""The rows of the panes of situations."""


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m testkit.terminal_pictures", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder for the pages; it is made if it is missing")
    parser.add_argument("--situations", nargs="*", metavar="NAME", help="places and fights instead")
    given = parser.parse_args(words)
    folder: Path = given.folder
    folder.mkdir(parents=True, exist_ok=True)
    if given.situations is not None:
        for name, colored in _situations(given.situations or list(terminal_situations.SITUATIONS)):
            _write(folder / f"{name}.html", colored)
        return
    for kind, (columns, changes) in KINDS.items():
        for view, colored in _views(columns, changes):
            _write(folder / f"{kind}-{view}.html", colored)


def _write(page: Path, colored: str) -> None:
    page.write_text(to_html(colored), encoding="utf-8")
    print(f"written: {page}")


def _situations(names: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the view of each named situation in each size, in colour and without, with escape codes."""
    for name, seed, played in terminal_situations.found():
        if name not in names:
            continue
        with tempfile.TemporaryDirectory(prefix="pictures-") as home:
            database = Path(home) / "games.sqlite"
            terminal_situations.save(database, seed, played)
            for rows in ROWS:
                for color, changes in (("color", {}), ("plain", {"NO_COLOR": "1"})):
                    with _pane(Path(home), f"sqlite:///{database}", changes, columns=80, rows=rows) as pane:
                        if MORE in pane.wait_for(lambda shown: shown.endswith(">")):
                            pane.type("q")
                        pane.wait_for("leave)")
                        title = f"{name}-{rows}-{color}"
                        shown = turn_page(pane)
                        yield title, pane.colored()
                        page = 1
                        while shown.endswith(MORE):
                            shown = turn_page(pane)
                            page += 1
                            yield f"{title}-page-{page}", pane.colored()


def turn_page(pane: Pane) -> str:
    """Press Enter on an empty screen; return what the pane shows then, above the next prompt."""
    pane.press("C-l")
    pane.wait_for(lambda shown: len(shown.splitlines()) == 1)
    pane.press("Enter")
    return pane.wait_for(lambda shown: len(shown.splitlines()) > 1 and shown.endswith(">"))


def _pane(home: Path, database: str, changes: Mapping[str, str], *, columns: int, rows: int = TALL) -> Pane:
    """Open `play` in a pane."""
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(home), "XDG_DATA_HOME": str(home), "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "src"), **changes,
    }  # fmt: skip
    command = [sys.executable, "-m", "dungeonfighter", "play", "--db", database]
    return Pane(home, command, environ, columns=columns, rows=rows)


def _views(columns: int, changes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the first view of a run, its first fight, and the explanation of that, with escape codes."""
    with (
        tempfile.TemporaryDirectory(prefix="pictures-") as home,
        _pane(Path(home), "memory://", changes, columns=columns) as pane,
    ):
        pane.wait_for("leave)")
        yield "first", pane.colored()
        for turn in range(1, TURNS_MAX):
            pane.press("C-l")
            pane.type("1")
            if "it: then " in pane.wait_for_turn(turn):
                break
        yield "fight", pane.colored()
        pane.press("C-l")
        pane.type("?")
        pane.wait_for("in memory")
        yield "explained", pane.colored()


def to_html(colored: str) -> str:
    """Return the text of `Pane.colored` as a page."""
    return _PAGE.format("".join(_elements(colored)))


def _elements(colored: str) -> Iterator[str]:
    active: list[str] = []
    for place, part in enumerate(_CODE.split(colored)):
        if place % 2:
            codes = [code for code in part.split(";") if code not in {"", "0", "39", "49", "22"}]
            active = codes if part in {"", "0"} or "0" in part.split(";") else [*active, *codes]
            if part == "39":
                active = [code for code in active if not code.startswith("3")]
            continue
        style = ";".join(_STYLES[code] for code in active if code in _STYLES)
        text = html.escape(part)
        yield f'<span style="{style}">{text}</span>' if style and text else text


if __name__ == "__main__":
    main(sys.argv[1:])
