"""Reads a secret from a file, as the orchestrators of containers provide it.

No message has any part of the content.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from dungeonfighter.connection_strings import Problem

SECRET_BYTES_MAX: Final = 65_536


def read_secret(path: str) -> str:
    """Return the content of a file without the white space around it.

    Raises:
        Problem: The file cannot be read, or holds no usable text; the message names the file and the cause.
    """
    if "\0" in path:
        raise Problem("holds a NUL, which no file name can have")
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise Problem(f"{path} is no regular file")
        with Path(path).open("rb") as file:
            data = file.read(SECRET_BYTES_MAX + 1)
    except PermissionError:
        raise Problem(f"{path} cannot be read: {_denial(path)}") from None
    except OSError as error:
        raise Problem(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > SECRET_BYTES_MAX:
        raise Problem(f"{path} has more than {SECRET_BYTES_MAX} bytes")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise Problem(f"{path} holds no text in UTF-8") from None
    if not text:
        raise Problem(f"{path} is empty")
    return text


def _denial(path: str) -> str:
    """Describe why this process may not read a file: containers keep the owner and mode of the host."""
    try:
        status = Path(path).stat()
    except OSError:
        return "permission denied; let this user enter its folder"
    mine = f"user {os.geteuid()} of group {os.getegid()}" if hasattr(os, "geteuid") else "another user"
    return (
        f"permission denied; it belongs to user {status.st_uid} and group {status.st_gid} with mode "
        f"{stat.S_IMODE(status.st_mode):04o}, and this process is {mine}"
    )
