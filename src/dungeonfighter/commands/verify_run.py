"""`dungeonfighter verify-run FILE`: anybody checks a row of a leaderboard, without a server."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dungeonfighter import settings
from dungeonfighter.commands.outcomes import CommandFailed
from dungeonfighter.commands.progress_output import PacedProgress, ProgressOutput
from dungeonfighter.errors import SettingsError

_KEY_BYTES_MAX = 65_536


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file, the keys, and the settings that hold the private keys."""
    parser.add_argument(
        "file", nargs="?", metavar="FILE",
        help="the structuredContent of get_replay of a ranked run that is over",
    )  # fmt: skip
    parser.add_argument(
        "--key", metavar="FILE", dest="public_key",
        help="public keys of the server in PEM, from --show-key or its resource "
        "dungeonfighter://run-keys.pem; without it the signature is not checked",
    )  # fmt: skip
    parser.add_argument(
        "--show-key", action="store_true",
        help="print the public keys of the secrets in SIGNING_KEY or SIGNING_KEY_FILE, for others",
    )  # fmt: skip
    settings.add_arguments(parser, ("signing_key", "catalog"))


def run(arguments: argparse.Namespace) -> int:
    """Check the run, or show the public keys; return the exit code.

    Raises:
        SettingsError: A word or a setting is wrong.
        CommandFailed: The file cannot be read, or is not the replay of a ranked run.
    """
    given, _ = settings.readable_settings({"catalog": arguments.catalog}, os.environ)
    if arguments.show_key:
        return _show_keys(arguments)
    if not arguments.file:
        raise SettingsError(["name the FILE to verify, or write --show-key"])
    return _verify(arguments.file, arguments.public_key, given.catalog)


def _show_keys(arguments: argparse.Namespace) -> int:
    from dungeonfighter.replays.run_keys import RunKeys

    text = settings.read_settings(vars(arguments), os.environ, stores=("sqlite", "memory", "postgresql"))
    if not text.signing_key:
        raise SettingsError(["--show-key: there is no key; name the file of the server in SIGNING_KEY_FILE"])
    print(RunKeys(text.signing_key).public.pem(), end="")
    return 0


def _verify(file: str, key_file: str | None, catalog: str) -> int:
    from dungeonfighter.errors import BadArgument
    from dungeonfighter.replays import replay as replays
    from dungeonfighter.replays.proofs import problems_of
    from dungeonfighter.replays.run_keys import PublicKeys
    from dungeonfighter.rules.releases import shipped_rules

    try:
        replay = replays.decode(_content(file, replays.FILE_BYTES_MAX))
        keys = None
        if key_file is not None:
            keys = PublicKeys.of_pem(_content(key_file, _KEY_BYTES_MAX).decode("ascii", "replace"))
        shipped = {rules.identity: rules for rules in shipped_rules(Path(catalog) if catalog else None)}
        output = ProgressOutput(sys.stderr)
        show, count = PacedProgress(output), len(replay.inputs)
        problems = list(
            problems_of(replay, shipped, keys, lambda number: show(f"executed {number} of {count} inputs"))
        )
    except BadArgument as error:
        raise CommandFailed(f"{file}: {error}") from None
    name = f"run {replay.episode} of {replay.bot}"
    for problem in problems:
        output.say(f"{name}: {problem}")
    if problems:
        output.say(f"{name}: {len(problems)} things are wrong")
        return 1
    score = f"{replay.result.score:g} points in {replay.result.turn - replay.first_turn} turns"
    print(f"{name} is what its file says: {replay.result.result}, {score}, rules {replay.rules}")
    if keys is None:
        print("its signature was not checked: give the public key of the server with --key")
    elif replay.proof is not None:
        print(f"signed by the key {replay.proof.key_id}")
    return 0


def _content(file: str, bytes_max: int) -> bytes:
    """Return the content of a file, and at most one byte too many."""
    try:
        path = Path(file)
        if path.exists() and not path.is_file():
            raise CommandFailed(f"{file} is no regular file")
        with path.open("rb") as opened:
            return opened.read(bytes_max + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandFailed(f"{file} cannot be read: {reason.lower()}") from None
