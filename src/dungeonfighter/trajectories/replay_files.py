"""Replays on disk: read with bounds, from any source, and written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dungeonfighter.errors import BadArgument
from dungeonfighter.replays.replay import FILE_BYTES_MAX, INPUTS_MAX, Replay, decode, encode


def read_replay(path: Path) -> Replay:
    """Read a replay.

    Raises:
        BadArgument: There is no such file, it is no regular file, or it is no replay; the message names it.
    """
    try:
        return decode(_content(path))
    except OSError as error:
        raise BadArgument(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except BadArgument as error:
        raise BadArgument(f"{path}: {error}") from None


def _content(path: Path) -> bytes:
    # Without O_NONBLOCK the opening of a FIFO waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
            raise BadArgument(f"this is {what}; name a file that get_replay or `replay -o` made")
        if found.st_size > FILE_BYTES_MAX:
            raise BadArgument(f"a replay has at most {FILE_BYTES_MAX} bytes, this file has {found.st_size}")
        return file.read(FILE_BYTES_MAX + 1)


def write_replay(path: Path, replay: Replay) -> None:
    """Write the file of a replay under another name first, so that the file is never partly written.

    Raises:
        BadArgument: The run is too long for a file.
        OSError: The file cannot be written.
    """
    raw = encode(replay)
    if len(replay.inputs) > INPUTS_MAX or len(raw) > FILE_BYTES_MAX:
        raise BadArgument(
            f"this run has {len(replay.inputs)} inputs and {len(raw)} bytes; a replay has at most "
            f"{INPUTS_MAX} and {FILE_BYTES_MAX}"
        )
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
