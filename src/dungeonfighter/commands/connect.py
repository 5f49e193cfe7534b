"""`dungeonfighter connect URL`: a bridge for one MCP client that only speaks stdio, to a remote server."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from typing import TYPE_CHECKING

from dungeonfighter.commands import caller_token
from dungeonfighter.commands.bot_keys import check_bot_id
from dungeonfighter.commands.numbers import amount
from dungeonfighter.errors import BadArgument

if TYPE_CHECKING:
    from dungeonfighter.bridge.attempts import Attempts
    from dungeonfighter.bridge.link import Link
    from dungeonfighter.bridge.target import Target
    from dungeonfighter.serving.signals import StopSignals


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare URL, `--bot`, `--token-file`, `--ca-file` and `--patience`."""
    add = parser.add_argument
    # fmt: off
    add("url", metavar="URL",
        help="the server, for example https://play.example.org or https://play.example.org/mcp?toolset=core")
    add("--bot", metavar="ID", help="the one bot of this client; the tools then take no botId")
    caller_token.add_argument(parser)
    add("--ca-file", metavar="FILE",
        help="the certificate of a private CA that signed the server's [default: the CAs of the system]")
    add("--patience", type=amount, default=30.0, metavar="S",
        help="how many seconds a failed call is repeated (default: %(default)g)")
    # fmt: on


class _Token:
    """The access token; a file may hold another one later."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self.token = caller_token.read_token(arguments, os.environ)

    def renew(self) -> bool:
        """Read the token again; return True if it is another one. A file that is wrong changes nothing."""
        former = self.token
        try:
            self.token = caller_token.read_token(self._arguments, os.environ)
        except BadArgument as error:
            _note(str(error))
        return self.token != former

    @property
    def remedy(self) -> str:
        file: str | None = self._arguments.token_file
        if file is not None:
            return f"put a valid token into {file}, the next call reads it"
        if self.token:
            return f"start the bridge with a valid token in {caller_token.VARIABLE}, or with --token-file"
        return f"the bridge has no token: {caller_token.HINT}"


def run(arguments: argparse.Namespace) -> int:
    """Serve until the client closes standard input, or until a signal; return the exit code.

    Raises:
        BadArgument: An argument cannot work.
    """
    from dungeonfighter.bridge.attempts import Attempts, Limits
    from dungeonfighter.bridge.target import read_target
    from dungeonfighter.mcp.lines import take_standard_streams
    from dungeonfighter.serving.signals import StopSignals

    if arguments.bot is not None:
        check_bot_id(arguments.bot)
    try:
        target = read_target(arguments.url, arguments.bot)
    except ValueError as error:
        raise BadArgument(f"URL: {error}") from None
    if arguments.ca_file is not None and not target.is_tls:
        raise BadArgument("--ca-file is for https; the URL begins with http")
    token = _Token(arguments)
    link = _link(target, arguments.ca_file)
    streams = take_standard_streams()
    limits = Limits(patience_seconds=arguments.patience)
    if streams is not None:
        with StopSignals() as signals:
            asyncio.run(_serve(Attempts(target, link, token, limits, _note), signals, streams))
    return 0


async def _serve(attempts: Attempts, signals: StopSignals, streams: tuple[int, int]) -> None:
    from dungeonfighter.bridge.bridge import LINE_BYTES_MAX, Bridge
    from dungeonfighter.mcp.lines import ByteStreams
    from dungeonfighter.serving.signals import end_at_once

    stopped = asyncio.Event()
    signals.call_at_first(stopped.set)
    lines = ByteStreams(*streams, LINE_BYTES_MAX)
    lines.start()
    await Bridge(lines, attempts).serve(stopped)
    # A thread may still read from the client, or write to one that does not read; nothing can cancel it.
    end_at_once(0)


def _link(target: Target, ca_file: str | None) -> Link:
    from dungeonfighter.bridge.link import Link

    try:
        return Link(target, ca_file)
    except ValueError as error:
        raise BadArgument(str(error)) from None


def _note(line: str) -> None:
    print(f"dungeonfighter connect: {line}", file=sys.stderr, flush=True)
