"""`dungeonfighter ingress`: plays the messages of a queue; `ingress dead-letters` looks after the others."""

from __future__ import annotations

import argparse
import os
from typing import Final

from dungeonfighter import settings
from dungeonfighter.commands import dead_letters, queue_flags
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.errors import SettingsError
from dungeonfighter.ingress import options
from dungeonfighter.setting_fields import FIELDS

_LIST_EXAMPLE: Final = "Example: dungeonfighter ingress dead-letters list --queue redis://127.0.0.1:6379/0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings, and the subcommand `dead-letters`."""
    settings.add_arguments(parser, options.SHARED)
    queue_flags.add_arguments(parser)
    chosen = parser.add_subparsers(metavar="ACTION", title="instead of playing")
    letters = chosen.add_parser(
        "dead-letters",
        help="messages that could not be played: list, resend, delete",
        description="Look at messages that could not be played, send them once more, or remove them.",
        epilog=_LIST_EXAMPLE,
    )
    dead_letters.add_arguments(letters)


def run(arguments: argparse.Namespace) -> int:
    """Play the messages until a signal; return the exit code.

    Raises:
        SettingsError: A setting is wrong.
        StoreError: The database cannot be opened.
        CommandFailed: The queue or the token is of no use, or is not any more.
    """
    if getattr(arguments, "act", None) is not None:
        return dead_letters.run(arguments)
    from dungeonfighter.serving.composition import STORES
    from dungeonfighter.serving.ingress import IngressFailed, run_ingress
    from dungeonfighter.serving.lookups import repeat_lookups_soon
    from dungeonfighter.serving.secrets_anew import Secrets
    from dungeonfighter.telemetry.logs import set_up_early_logs

    repeat_lookups_soon(os.environ)
    flags, environ = vars(arguments), _environ()
    set_up_early_logs(flags, environ)
    problems: list[str] = []
    given = settings.Settings()
    try:
        given = settings.read_settings(flags, environ, stores=STORES)
        problems += _contradictions(given)
    except SettingsError as error:
        problems += error.problems
    try:
        wanted = options.read_options(flags, os.environ)
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    try:
        return run_ingress(given, wanted, Secrets(given, flags, environ))
    except IngressFailed as error:
        raise CommandFailed(str(error)) from None


def _environ() -> dict[str, str]:
    """Return the variables of the settings that matter here: those of a server's addresses do not."""
    names = {name for field in FIELDS if field.attribute in options.SHARED for name in field.all_variables}
    return {name: value for name, value in os.environ.items() if name in names}


def _contradictions(given: settings.Settings) -> list[str]:
    problems = []
    if given.auth == "jwt":
        problems.append(
            "--auth: an ingress plays under one access token of the database; write AUTH=tokens for it, and "
            "make the token with `dungeonfighter token create`"
        )
    if given.database.kind == "memory":
        problems.append("--db: memory:// would be the games of this process alone; name the database of the "
                        "servers")  # fmt: skip
    return problems
