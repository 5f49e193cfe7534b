"""`dungeonfighter catalog check DIR`: names every problem of content files, with file, row and field."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

HELP: Final = "name every problem of content files"
DESCRIPTION: Final = """Check the content files of a folder together with the packaged files that they do not
replace. Each problem names file, row and field."""
EXAMPLE: Final = "catalog check my-game"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the folder."""
    parser.add_argument("directory", type=Path, metavar="DIR", help="the folder with the files")


def run(arguments: argparse.Namespace) -> int:
    """Print the identity of the rules with this content; return 0.

    Raises:
        SettingsError: Lists every problem.
    """
    from dungeonfighter.rules import load_rules

    rules = load_rules(arguments.directory)
    content = rules.catalogue.content
    counts = ", ".join(f"{len(getattr(content, kind))} {kind}" for kind in content.__struct_fields__)
    print(f"sound: rules {rules.identity} with {counts}")
    return 0
