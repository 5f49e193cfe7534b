"""`dungeonfighter play`: a person plays in the terminal, over a host in this process."""

from __future__ import annotations

import argparse
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from dungeonfighter import settings
from dungeonfighter.commands import terminal, user_data

if TYPE_CHECKING:
    from dungeonfighter.hosting.host import BotHost


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the terminal and the settings of a host for one person."""
    terminal.add_arguments(parser)
    settings.add_arguments(parser, user_data.SETTINGS, user_data.DATABASE_NAME)


def run(arguments: argparse.Namespace) -> int:
    """Play until the person leaves; return the exit code."""
    from dungeonfighter.serving.composition import open_host
    from dungeonfighter.serving.signals import let_second_interrupt_end

    given = user_data.read_personal_settings(arguments)

    def opened() -> AbstractAsyncContextManager[BotHost]:
        let_second_interrupt_end()
        return open_host(given)

    return terminal.run(arguments, opened)
