"""The flags of the settings of a queue."""

from __future__ import annotations

import argparse
from collections.abc import Collection

from dungeonfighter.commands.refused_flag import RefusedFlag
from dungeonfighter.ingress.options import FIELDS
from dungeonfighter.setting_fields import Field


def add_arguments(
    parser: argparse.ArgumentParser, fields: Collection[Field] = FIELDS, *, is_inner: bool = False
) -> None:
    """Add the flags; values stay texts until `options.read_options`.

    Args:
        parser: Gets the flags.
        fields: The settings.
        is_inner: The parser is that of an action of a command with the same flags; these may stand before the
            action, too.
    """
    default = argparse.SUPPRESS if is_inner else None
    group = parser.add_argument_group("settings of the queue (flag, or environment variable)")
    for field in fields:
        if field.attribute == "token":
            group.add_argument(*field.flags, action=RefusedFlag, way_out="use INGRESS_TOKEN or --token-file")
        else:
            purpose = f"{field.purpose} [{', '.join(field.variables)}]"
            group.add_argument(
                *field.flags, dest=field.attribute, metavar=field.metavar, help=purpose, default=default
            )
        if field.is_secret:
            purpose = f"a file with {'it' if field.attribute != 'token' else 'the access token'}"
            purpose = f"{purpose} [{field.file_variable}]"
            group.add_argument(
                field.file_flag, dest=field.file_attribute, metavar="FILE", help=purpose, default=default
            )
