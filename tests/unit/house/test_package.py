"""The wheel holds the type marker and the data that lies beside the modules."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.unit.house.sources import PACKAGE, ROOT

DATA = {".json", ".sql", ".js", ".css", ".html", ".svg", ".typed"}


def test_the_wheel_holds_the_type_marker_and_all_data(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-deps"]
    command += ["--no-build-isolation", "--quiet", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("dungeonfighter-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    data = {str(path.relative_to(PACKAGE.parent)) for path in PACKAGE.rglob("*") if path.suffix in DATA}
    assert "dungeonfighter/py.typed" in data
    assert data <= names
