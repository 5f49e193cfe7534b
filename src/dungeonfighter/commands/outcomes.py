"""The failures of a command that ran: the command line prints the message and returns the exit code."""

from __future__ import annotations

from typing import ClassVar


class CommandFailed(Exception):
    """The command ran and failed."""

    exit_code: ClassVar[int] = 1


class CommandInterrupted(CommandFailed):
    """Ctrl-C ended the command before it was done."""

    exit_code = 130
