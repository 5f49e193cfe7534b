"""Finds the programs of the operating system that scripts in .ci/parts install."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
PLACES: Final = (
    str(ROOT / ".parts" / "venv" / "bin"), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin",
)  # fmt: skip


class PartMissing(RuntimeError):
    """A part of the operating system is missing; `part` is its name in .ci/parts."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is missing; .ci/parts/{part} installs it")
        self.part = part


def program(name: str, *, part: str) -> str:
    """Return the path of a program that a part installs.

    Raises:
        PartMissing: The program is not there.
    """
    path = shutil.which(name, path=os.pathsep.join(PLACES))
    if path is None:
        raise PartMissing(part)
    return path
