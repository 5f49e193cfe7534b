"""The demand that calls name the turn and the run that they see (`?turns=required`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dungeonfighter.mcp.answers import bad_argument
from dungeonfighter.mcp.arguments import ToolArguments

_FOR_A_NEW_RUN: Final = ", the number of the new run: 1 for a new bot, else that of the present run plus 1"


def demand_numbers(args: ToolArguments, names: Sequence[str]) -> None:
    """Check that the arguments of these names are given.

    Raises:
        BadInput: The code is bad_argument; the message says why the argument is demanded.
    """
    for name in names:
        if getattr(args, name) is None:
            begins_next = "turn" not in names and "new_bot_ids" not in args.__struct_fields__
            hint = _FOR_A_NEW_RUN if begins_next else ""
            raise bad_argument(
                f"argument `{name}` is missing; the access token or this address demands it "
                f"(turns=required), so that a repeated call never plays twice: "
                f"send {' and '.join(f'`{each}`' for each in names)}{hint}"
            )
