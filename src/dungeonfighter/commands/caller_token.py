"""The access token of a command that calls a server: from the environment or from a file, never from a flag.

All users of a machine can read the flags of a process.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Mapping
from typing import Final

from dungeonfighter.commands.refused_flag import RefusedFlag
from dungeonfighter.connection_strings import Problem
from dungeonfighter.errors import BadArgument
from dungeonfighter.secret_files import read_secret

VARIABLE: Final = "DUNGEONFIGHTER_TOKEN"
HINT: Final = f"give an access token by {VARIABLE} or --token-file"
_CHARS: Final = frozenset(string.ascii_letters + string.digits + "-._~+/=")
"""The characters of a token (RFC 6750, section 2.1)."""
_CHARS_MAX: Final = 8192


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--token-file`."""
    parser.add_argument("--token", action=RefusedFlag, way_out=HINT)
    parser.add_argument(
        "--token-file", metavar="FILE",
        help=f"a file with the access token for a server with --auth [or the token itself: {VARIABLE}]",
    )  # fmt: skip


def read_token(arguments: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """Return the token of the caller, or an empty text; the file wins over the variable.

    Raises:
        BadArgument: The file cannot be read, or the text is no token; no message shows it.
    """
    file: str | None = arguments.token_file
    if file is None:
        name, token = VARIABLE, environ.get(VARIABLE, "").strip()
    else:
        name = "--token-file"
        try:
            token = read_secret(file)
        except Problem as problem:
            raise BadArgument(f"{name}: {problem}") from None
    if not _CHARS.issuperset(token) or len(token) > _CHARS_MAX:
        raise BadArgument(f"{name}: the text is no access token; `dungeonfighter token create` makes one")
    return token
