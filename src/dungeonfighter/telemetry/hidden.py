"""Hides secrets in texts that leave a server for people: the last line of defence behind every message."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from dungeonfighter.connection_strings import Database

HIDDEN: Final = "***"
_LEAST_CHARS: Final = 4
"""A shorter secret would also hide innocent texts, and cannot be searched for in them."""
_CREDENTIALS: Final = re.compile(
    r"(?<=://)[^/@\s\"]+(?=@)"
    r"|(?<![\w-])df_[\w-]{20,}"
    r"|(?i:(?<=bearer )[^\s\"]+)"
    r"|(?i:(?<=password=)[^\s;&\"]+)|(?i:(?<=pwd=)[^\s;&\"]+)"
    r"|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*"
)
"""The texts that look like the sign-in of a URL, an access token, a password or a JSON Web Token; none of
them reaches beyond a double quote, so that JSON stays JSON."""


def hiding(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """Return a function that replaces these texts, and all that looks like a credential, by `***`.

    It finds a secret as it is and as JSON writes it, but not within a longer word: `postgres`, which is a
    usual password, must not hide a part of `postgresql`.
    """
    long = {one for one in secrets if len(one) >= _LEAST_CHARS}
    known = sorted(long | {json.dumps(one, ensure_ascii=False)[1:-1] for one in long}, key=len, reverse=True)

    def hide(text: str) -> str:
        for secret in known:
            text = _without(text, secret)
        return _CREDENTIALS.sub(HIDDEN, text)

    return hide


def secrets_in(*values: object) -> Iterator[str]:
    """Yield the secret texts within values of settings: passwords of URLs, or else the text and its lines."""
    for value in values:
        url = value.url if isinstance(value, Database) else str(value or "")
        if "://" not in url:
            yield from {url, *url.splitlines()}
            continue
        parts = urlsplit(url)
        found = [parts.password or ""]
        for name in ("password", "sslpassword"):
            found += parse_qs(parts.query).get(name, [])
        for one in found:
            yield from {one, unquote(one), quote(unquote(one), safe="")}


def _without(text: str, secret: str) -> str:
    """Replace a secret wherever it is not within a longer word."""
    kept, begin, found = [], 0, text.find(secret)
    while found >= 0:
        end = found + len(secret)
        if _is_in_word(text[found - 1 : found]) or _is_in_word(text[end : end + 1]):
            found = text.find(secret, found + 1)
            continue
        kept.append(text[begin:found])
        begin = end
        found = text.find(secret, begin)
    return HIDDEN.join([*kept, text[begin:]])


def _is_in_word(char: str) -> bool:
    return char.isalnum() or char == "_"
