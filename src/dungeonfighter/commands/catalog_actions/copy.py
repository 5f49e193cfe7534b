"""`dungeonfighter catalog copy DIR`: writes the packaged content files and their schema, to be changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from dungeonfighter.errors import SettingsError

HELP: Final = "write the packaged content files and their schema"
DESCRIPTION: Final = """Write the packaged content files into a folder, and the JSON Schema beside them.
Keep the files that you change, and delete the others: they then stay as packaged."""
EXAMPLE: Final = "catalog copy my-game enemies themes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder and the files."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="a folder; it is made if it is missing")
    parser.add_argument("kind", nargs="*", metavar="FILE",
        help="files to write, without .json (default: all)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Write the files; return 0.

    Raises:
        SettingsError: A file is unknown, exists already, or cannot be written.
    """
    from dungeonfighter.rules.catalog.loader import packaged_files
    from dungeonfighter.rules.catalog.schema import FILE_NAME, catalogue_schema_text

    packaged = packaged_files()
    kinds = arguments.kind or list(packaged)
    problems = [f"there is no file {kind}; there are {', '.join(packaged)}" for kind in kinds
                if kind not in packaged]  # fmt: skip
    folder: Path = arguments.directory
    texts = {f"{kind}.json": packaged[kind] for kind in kinds if kind in packaged}
    problems += [f"{folder / name} exists; delete it, or name other files" for name in texts
                 if (folder / name).exists()]  # fmt: skip
    if problems:
        raise SettingsError(problems)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {**texts, FILE_NAME: catalogue_schema_text().encode()}.items():
            (folder / name).write_bytes(text)
    except OSError as error:
        raise SettingsError([f"{error.filename}: cannot be written: {error.strerror}"]) from None
    print(f"{len(texts)} files and {FILE_NAME} written to {folder}; check them: catalog check {folder}")
    return 0
