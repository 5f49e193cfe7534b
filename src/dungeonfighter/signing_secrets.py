"""Splits the setting `SIGNING_KEY` into its secrets: the first is in use, the others still count.

A secret is one line of text, or a private key in PEM.
"""

from __future__ import annotations

import re
from typing import Final

CHARS_MIN: Final = 16
CHARS_MAX: Final = 1024
SECRETS_MAX: Final = 8
PEM_BEGIN: Final = "-----BEGIN "
_SECRET: Final = re.compile(r"-----BEGIN [A-Z ]*KEY-----.*?-----END [A-Z ]*KEY-----|[^\r\n]+", re.DOTALL)


def split_secrets(text: str) -> list[str]:
    """Return the secrets of a text in order, without the white space around each of them."""
    return [one for found in _SECRET.findall(text) if (one := found.strip())]


def first_secret(text: str) -> str:
    """Return the secret that is in use; an empty text if there is none."""
    return next(iter(split_secrets(text)), "")
