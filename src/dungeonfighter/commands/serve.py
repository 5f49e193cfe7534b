"""`dungeonfighter serve`: a server for agents, over HTTP."""

from __future__ import annotations

import argparse
import os

from dungeonfighter import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings, and hidden flags: for parent processes, for workers, and for the verifier."""
    settings.add_arguments(parser)
    parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", metavar="NUMBER:DESCRIPTOR", help=argparse.SUPPRESS)
    parser.add_argument("--verifier", metavar="DESCRIPTOR", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal; return the exit code."""
    from dungeonfighter.serving.composition import STORES
    from dungeonfighter.serving.lookups import repeat_lookups_soon
    from dungeonfighter.serving.run import run_single, run_supervisor, run_worker
    from dungeonfighter.serving.secrets_anew import Secrets
    from dungeonfighter.serving.start_checks import read_checked_settings
    from dungeonfighter.telemetry.logs import set_up_early_logs

    repeat_lookups_soon(os.environ)
    flags = vars(arguments)
    set_up_early_logs(flags, os.environ)
    if arguments.worker:
        number, _, descriptor = arguments.worker.partition(":")
        given = settings.read_settings(flags, os.environ, stores=STORES)
        return run_worker(given, int(number), int(descriptor), Secrets(given, flags, os.environ))
    if arguments.verifier:
        from dungeonfighter.serving.verifier import run_verifier

        given = settings.read_settings(flags, os.environ, stores=STORES)
        return run_verifier(given, int(arguments.verifier), Secrets(given, flags, os.environ))
    given = read_checked_settings(flags, os.environ, STORES)
    secrets = Secrets(given, flags, os.environ)
    if given.workers > 1:
        return run_supervisor(given, flags, until_stdin_closes=arguments.until_stdin_closes)
    return run_single(given, secrets, until_stdin_closes=arguments.until_stdin_closes)
