"""The files of the watch page, read once at start: they are few and small, and part of the package."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Final, NamedTuple

_TYPES: Final = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}


class File(NamedTuple):
    """The body and the headers of the answer for one file."""

    body: bytes
    content_type: bytes
    etag: bytes


def load_files() -> dict[str, File]:
    """Read all files; return them by the path of their address. `/` is the page itself."""
    files = {}
    for entry in resources.files("dungeonfighter.web").joinpath("static").iterdir():
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if kind is not None:
            body = entry.read_bytes()
            etag = b'"%b"' % hashlib.blake2b(body, digest_size=8).hexdigest().encode()
            files[f"/static/{entry.name}"] = File(body, kind, etag)
    files["/"] = files.pop("/static/index.html")  # its relative addresses begin at `/`
    return files
