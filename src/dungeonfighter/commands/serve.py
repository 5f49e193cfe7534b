"""`dungeonfighter serve`: a server for agents, over HTTP."""

from __future__ import annotations

import argparse
import os

from dungeonfighter import settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the settings, and two hidden flags: for parent processes, and for the supervisor of workers."""
    settings.add_arguments(parser)
    parser.add_argument("--until-stdin-closes", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", metavar="NUMBER:DESCRIPTOR", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal; return the exit code."""
    from dungeonfighter.serving.composition import STORES
    from dungeonfighter.serving.run import run_single, run_supervisor, run_worker
    from dungeonfighter.serving.secrets_anew import Secrets
    from dungeonfighter.telemetry.logs import set_up_early_logs

    flags = vars(arguments)
    set_up_early_logs(flags, os.environ)
    given = settings.read_settings(flags, os.environ, stores=STORES)
    secrets = Secrets(given, flags, os.environ)
    if arguments.worker:
        number, _, descriptor = arguments.worker.partition(":")
        return run_worker(given, int(number), int(descriptor), secrets)
    if given.workers > 1:
        return run_supervisor(given, flags, until_stdin_closes=arguments.until_stdin_closes)
    return run_single(given, secrets, until_stdin_closes=arguments.until_stdin_closes)
