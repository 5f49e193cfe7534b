"""The programs of PostgreSQL, `pg_dump` and `pg_restore`: finding them, their version, and running them.

No password is among the arguments of a program, because every user of the machine sees those; it is in its
environment.

Source: PostgreSQL's manual, "pg_dump", "pg_restore" and "Environment Variables".
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from msgspec import Struct

from dungeonfighter.errors import SettingsError, StoreError

_MARK: Final = "(PostgreSQL) "
_ONLY_OURS: Final = frozenset({"search_path"})
"""Parameters of a connection string that these programs do not know; they name each table with its schema."""
_POLL_SECONDS: Final = 0.5
_TEXT_CHARS_MAX: Final = 300


class Program(Struct, frozen=True):
    """A program of PostgreSQL; `major` is its release, for example 17."""

    path: str
    version: str
    major: int


def find(name: str, given: str, option: str) -> Program:
    """Find a program and ask it for its version.

    Args:
        name: Its name, for example `pg_dump`.
        given: A path that the user named; "" looks for the name on PATH.
        option: The option with which a path can be named.

    Raises:
        SettingsError: There is no such program, or it does not run.
    """
    path = shutil.which(given or name)
    if path is None:
        missing = f"there is no program {given}" if given else f"{name} is not on PATH"
        problem = (
            f"{option}: {missing}; install the client programs of PostgreSQL, of the release of the server "
            f"or newer, or name one with {option} PATH"
        )
        raise SettingsError([problem])
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, errors="replace", check=False, timeout=30,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SettingsError([f"{option}: {path} does not run: {error}"]) from error
    version = done.stdout.partition(_MARK)[2].partition(" ")[0].strip()
    if done.returncode or not major_of(version):
        raise SettingsError([f"{option}: {path} does not say that it is a {name} of PostgreSQL"])
    return Program(path, version, major_of(version))


def major_of(version: str) -> int:
    """Return the release of a version: 18 for `18.4 (Debian 18.4-1)` and for `18beta1`; 0 if it has none."""
    return int("".join(itertools.takewhile(str.isdecimal, version)) or 0)


def sign_in(url: str) -> tuple[str, dict[str, str]]:
    """Split an address into one without a password, and the environment with the password.

    Raises:
        SettingsError: It holds a secret that these programs cannot get in another way.
    """
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    passwords = [unquote(parts.password)] if parts.password else []
    passwords += [value for name, value in query if name == "password"]
    if any(name == "sslpassword" for name, _ in query):
        raise SettingsError([
            "--db: sslpassword cannot be passed to pg_dump without being seen; use a key without a password"
        ])  # fmt: skip
    shown = [(name, value) for name, value in query if name not in {"password", *_ONLY_OURS}]
    authority, _, hosts = parts.netloc.rpartition("@")
    user = authority.partition(":")[0]
    plain = f"postgresql://{user}@{hosts}{parts.path}" if user else f"postgresql://{hosts}{parts.path}"
    plain += f"?{urlencode(shown, safe='/,')}" if shown else ""
    environ = {**os.environ, "LC_ALL": "C", "PGAPPNAME": "dungeonfighter db"}
    return plain, environ | ({"PGPASSWORD": passwords[-1]} if passwords else {})


def run(
    program: Program, words: Sequence[str], *, environ: Mapping[str, str] | None = None,
    output: int | None = None, watch: Callable[[], None] = lambda: None, hint: str = "",
) -> None:  # fmt: skip
    """Run a program to its end; an exception of `watch`, or Ctrl-C, ends it.

    Args:
        program: The program.
        words: Its arguments.
        environ: Its environment; by default that of this process.
        output: A descriptor for its standard output, which is dropped by default.
        watch: Called about twice a second.
        hint: The advice if it fails.

    Raises:
        StoreError: It failed; the text has the last thing that it said.
    """
    with tempfile.TemporaryFile() as errors:
        running = subprocess.Popen(
            [program.path, *words], env=environ, stdin=subprocess.DEVNULL, stderr=errors,
            stdout=subprocess.DEVNULL if output is None else output,
        )  # fmt: skip
        try:
            while running.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    running.wait(_POLL_SECONDS)
                watch()
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        errors.seek(0)
        said = [text for text in errors.read().decode(errors="replace").splitlines() if text.strip()]
    if running.returncode:
        name = Path(program.path).name
        why = next(
            (text for text in said if "error:" in text),
            said[-1] if said else f"exit code {running.returncode}",
        )
        raise StoreError(f"{name} failed: {_without_name(why)[:_TEXT_CHARS_MAX]}", hint=hint)


def output_of(program: Program, words: Sequence[str], *, hint: str) -> str:
    """Run a program that takes a moment, and return its standard output; see `run`.

    Raises:
        StoreError: As `run`.
    """
    with tempfile.TemporaryFile() as output:
        run(program, words, output=output.fileno(), hint=hint)
        output.seek(0)
        return output.read().decode(errors="replace")


def _without_name(text: str) -> str:
    return text.partition("error: ")[2] or text
