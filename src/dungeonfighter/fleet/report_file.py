"""Writes a report into a file: a page for people, JSON for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from dungeonfighter.fleet.report import Report
from dungeonfighter.fleet.report_page import page

PAGES: Final = frozenset({".html", ".htm"})


def write_report(report: Report, file: Path) -> None:
    """Write the report as one HTML page if the name of the file ends with `.html`, else as JSON.

    Raises:
        OSError: The file cannot be written.
    """
    if file.suffix.lower() in PAGES:
        file.write_bytes(page(report).encode("utf-8", "replace"))
    else:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
