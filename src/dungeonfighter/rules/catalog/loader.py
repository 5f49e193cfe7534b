"""The loader: it reads the content files into typed rows, checks them, and builds the catalogue.

The files are `content/<kind>.json`, one array of rows per kind. With `--catalog DIR` a file in DIR replaces
the packaged file of the same name. A JSON Schema in DIR (`*.schema.json`) is left alone.

Source: docs/catalogue.md.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec

from dungeonfighter.errors import SettingsError
from dungeonfighter.rules.catalog import checks
from dungeonfighter.rules.catalog.catalogue import Catalogue, build
from dungeonfighter.rules.catalog.model import Content

__all__ = ["Catalogue", "load_catalogue"]


def load_catalogue(directory: Path | None = None) -> Catalogue:
    """Load the packaged content; a file in `directory` replaces the packaged file of the same name.

    Raises:
        SettingsError: Lists every problem with file, row and remedy.
    """
    problems: list[str] = []
    files = _files(directory, problems)
    kinds = {kind: get_args(hint)[0] for kind, hint in get_type_hints(Content).items()}
    rows = {kind: _rows(kind, files[kind], row_type, problems) for kind, row_type in kinds.items()}
    content = Content(**rows)
    if not problems:
        problems.extend(checks.problems(content))
    if problems:
        raise SettingsError(problems)
    return build(content)


def packaged_files() -> dict[str, bytes]:
    """Return the packaged content files by kind."""
    packaged = resources.files(__package__) / "content"
    return {kind: (packaged / f"{kind}.json").read_bytes() for kind in Content.__struct_fields__}


def _files(directory: Path | None, problems: list[str]) -> dict[str, bytes]:
    files = packaged_files()
    if directory is None:
        return files
    if not directory.is_dir():
        problems.append(f"catalogue directory {directory} does not exist")
        return files
    for path in sorted(directory.glob("*.json")):
        if path.name.endswith(".schema.json"):
            continue
        if path.stem in files:
            files[path.stem] = path.read_bytes()
        else:
            problems.append(
                f"{path.name} is no content file; there are {', '.join(f'{k}.json' for k in files)}"
            )
    return files


def _rows(kind: str, raw: bytes, row_type: type[Any], problems: list[str]) -> tuple[Any, ...]:
    try:
        parts = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        why = "the file is empty" if not raw.strip() else str(error)
        problems.append(f"{kind}.json: not an array of rows: {why}")
        return ()
    rows = []
    for number, part in enumerate(parts):
        try:
            rows.append(msgspec.json.decode(part, type=row_type))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problems.append(f"{kind}.json row {number + 1}: {error}")
    return tuple(rows)
