"""The environment of the servers we compare with: made once, made anew when its pins change."""

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
    """They cannot be installed here."""


def peers_python(say: Callable[[str], None], pins: Path = PINS, environment: Path = ENVIRONMENT) -> str:
    """The interpreter of the environment with the peers in it.

    Args:
        say: Told when something is installed, which may take a minute.
        pins: The requirements, with hashes.
        environment: Where it is, or will be; nothing else belongs there.

    Raises:
        NoPeers: With the installer's last word.
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
            # Without looking for dependencies: the pins are all, and an older pip stumbles over extras.
            [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps",
             "--require-hashes", "--only-binary", ":all:", "-r", pins],
            check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS_MAX,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPeers(_last_word(error)) from error
    stamp.write_text(pinned)
    return str(python)


def _last_word(error: Exception) -> str:
    lines = [line for line in str(getattr(error, "stderr", "") or error).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["unknown"])[-1][:200]
