"""The demand that calls name the turn and the run that they see (`?turns=required`)."""

from __future__ import annotations

from collections.abc import Sequence

from dungeonfighter.mcp.answers import bad_argument
from dungeonfighter.mcp.arguments import ToolArguments


def demand_numbers(args: ToolArguments, names: Sequence[str]) -> None:
    """Check that the arguments of these names are given.

    Raises:
        BadInput: The code is bad_argument; the message says why the argument is demanded.
    """
    for name in names:
        if getattr(args, name) is None:
            raise bad_argument(
                f"argument `{name}` is missing; this address has turns=required, so that a repeated call "
                f"never plays twice: send {' and '.join(f'`{each}`' for each in names)}"
            )
