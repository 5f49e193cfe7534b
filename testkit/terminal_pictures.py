"""Pages that show how `play` looks in panes of several kinds, for a person to judge.

`python -m testkit.terminal_pictures FOLDER` writes an HTML page for each view; it needs tmux.
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


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m testkit.terminal_pictures", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder for the pages; it is made if it is missing")
    folder: Path = parser.parse_args(words).folder
    folder.mkdir(parents=True, exist_ok=True)
    for kind, (columns, changes) in KINDS.items():
        for view, colored in _views(columns, changes):
            page = folder / f"{kind}-{view}.html"
            page.write_text(to_html(colored), encoding="utf-8")
            print(f"written: {page}")


def _views(columns: int, changes: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the first view of a run, its first fight, and the explanation of that, with escape codes."""
    with tempfile.TemporaryDirectory(prefix="pictures-") as home:
        environ = {
            "PATH": os.environ["PATH"], "HOME": home, "XDG_DATA_HOME": home, "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT / "src"), **changes,
        }  # fmt: skip
        command = [sys.executable, "-m", "dungeonfighter", "play", "--db", "memory://"]
        with Pane(Path(home), command, environ, columns=columns) as pane:
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
