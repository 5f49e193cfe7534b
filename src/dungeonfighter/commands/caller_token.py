"""The access token of a command that calls a server: from the environment or from a file, never from a flag.

All users of a machine can read the flags of a process.
"""

from __future__ import annotations

import argparse
import string
from collections.abc import Mapping
from typing import Final

from dungeonfighter.connection_strings import Problem
from dungeonfighter.errors import BadArgument
from dungeonfighter.secret_files import read_secret

VARIABLE: Final = "DUNGEONFIGHTER_TOKEN"
HINT: Final = f"give an access token by {VARIABLE} or --token-file"
_CHARS: Final = frozenset(string.ascii_letters + string.digits + "-._~+/=")
"""The characters of a token (RFC 6750, section 2.1)."""
_CHARS_MAX: Final = 8192


class _Refused(argparse.Action):
    """Refuses a token on the command line, without a text that shows it."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object,
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        parser.error(f"--token: every user of this machine can read a flag; {HINT}")


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declare `--token-file`."""
    parser.add_argument("--token", action=_Refused, nargs="?", help=argparse.SUPPRESS)
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
