"""The files of the watch page, read once at start: they are few and small, and part of the package.

The address of each file holds a hash of its content (`/static/main.0123456789abcdef.js`), so browsers may
keep it for ever; they ask for the page itself each time. While servers of two releases run, a page of one may
ask the other for a file: that one answers with its own file of this name, not to be kept.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import Final, NamedTuple

_TYPES: Final = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
_HASH_BYTES: Final = 8
FOR_EVER: Final = b"public, max-age=31536000, immutable"
ASK_FIRST: Final = b"no-cache"
_REFERENCE: Final = re.compile(r'(from "\./|"static/)([a-z]+\.[a-z]+)"')
_UNHASHED: Final = re.compile(r"(/static/[a-z]{1,32})\.[0-9a-f]{16}(\.[a-z]{2,4})")


class File(NamedTuple):
    """The body and the headers of the answer for one file."""

    body: bytes
    content_type: bytes
    etag: bytes
    cache_control: bytes


class Files:
    """All files by the path of their address; `/` is the page itself."""

    def __init__(self) -> None:
        folder = resources.files("dungeonfighter.web").joinpath("static")
        self._sources = {
            entry.name: entry.read_text("utf-8")
            for entry in folder.iterdir()
            if entry.name.rpartition(".")[2] in _TYPES
        }
        self._names: dict[str, str] = {}
        """The names with a hash by those without."""
        self.by_path: dict[str, File] = {}
        for name in sorted(self._sources):
            if name != "index.html":
                self._add(name)
        page = self._with_hashes(self._sources["index.html"]).encode()
        self.by_path["/"] = File(page, _TYPES["html"], _etag(page), ASK_FIRST)

    def get(self, path: str) -> File | None:
        """Return the file of an address; None if there is none."""
        found = self.by_path.get(path)
        if found is not None or not path.startswith("/static/"):
            return found
        plain = _UNHASHED.fullmatch(path)
        name = (plain[1] + plain[2] if plain else path).removeprefix("/static/")
        if name not in self._names:
            return None
        return self.by_path[f"/static/{self._names[name]}"]._replace(cache_control=ASK_FIRST)

    def _add(self, name: str) -> str:
        """Add a file, after those that it imports, and return its name with the hash."""
        if name not in self._names:
            body = self._with_hashes(self._sources[name]).encode()
            stem, _, kind = name.rpartition(".")
            hashed = f"{stem}.{_digest(body)}.{kind}"
            self._names[name] = hashed
            self.by_path[f"/static/{hashed}"] = File(body, _TYPES[kind], _etag(body), FOR_EVER)
        return self._names[name]

    def _with_hashes(self, text: str) -> str:
        """Return a text whose names of other files have their hashes."""
        return _REFERENCE.sub(lambda found: f'{found[1]}{self._add(found[2])}"', text)


def _digest(body: bytes) -> str:
    return hashlib.blake2b(body, digest_size=_HASH_BYTES).hexdigest()


def _etag(body: bytes) -> bytes:
    return f'"{_digest(body)}"'.encode()
