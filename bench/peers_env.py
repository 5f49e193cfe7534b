"""The virtual environment of the servers we compare with: made once, and anew when its pins change."""

from __future__ import annotations

import shutil
import subprocess
import venv
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

PINS: Final = Path("requirements/peers.txt")
ENVIRONMENT: Final = Path("bench-results/peers-venv")
_INSTALL_SECONDS_MAX: Final = 600.0


class NoPeers(Exception):
    """The peers cannot be installed."""


def peers_python(say: Callable[[str], None], pins: Path = PINS, environment: Path = ENVIRONMENT) -> str:
    """Return the interpreter of the environment with the peers; install them if necessary.

    Args:
        say: Receives a message before an installation, which may take a minute.
        pins: The requirements, with hashes.
        environment: The folder of the environment; an installation deletes it first.

    Raises:
        NoPeers: The installation failed; the message is the last line of pip.
    """
    python = environment / "bin" / "python"
    stamp = environment / "installed"
    pinned = sha256(pins.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == pinned:
        return str(python)
    say(f"installing the official SDK, FastMCP and uvicorn into {environment} (once)")
    shutil.rmtree(environment, ignore_errors=True)
    try:
        venv.create(environment, with_pip=True, symlinks=True)
        subprocess.run(
            # The pins are complete, so pip need not resolve; an older pip also fails on extras.
            [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps",
             "--require-hashes", "--only-binary", ":all:", "-r", pins],
            check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS_MAX,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPeers(_last_message(error)) from error
    stamp.write_text(pinned)
    return str(python)


def _last_message(error: Exception) -> str:
    lines = [line for line in str(getattr(error, "stderr", "") or error).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["unknown"])[-1][:200]
