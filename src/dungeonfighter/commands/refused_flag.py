"""A flag for a secret, which no command may have: all users of a machine can read the flags of a process."""

from __future__ import annotations

import argparse


class RefusedFlag(argparse.Action):
    """Refuses a secret on the command line, without a text that shows it.

    Args:
        way_out: The way to give the secret instead, for the message.
    """

    def __init__(self, option_strings: list[str], dest: str, *, way_out: str) -> None:
        super().__init__(option_strings, dest, nargs="?", help=argparse.SUPPRESS)
        self._message = f"{option_strings[0]}: every user of this machine can read a flag; {way_out}"

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object,
        option_string: str | None = None,
    ) -> None:  # fmt: skip
        """See `argparse.Action`."""
        parser.error(self._message)
