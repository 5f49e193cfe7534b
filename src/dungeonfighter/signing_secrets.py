"""Splits the setting `SIGNING_KEY` into its secrets: the first is in use, the others still count.

A secret is one line of text, or a private key in PEM.
"""

from __future__ import annotations

from typing import Final

CHARS_MIN: Final = 16
CHARS_MAX: Final = 1024
SECRETS_MAX: Final = 8
PEM_BEGIN: Final = "-----BEGIN "
_PEM_END: Final = "-----END "


def split_secrets(text: str) -> list[str]:
    """Return the secrets of a text in order, without the white space around each line of them."""
    secrets, block = list[str](), list[str]()
    for line in map(str.strip, text.replace("\r", "\n").split("\n")):
        if not line:
            continue
        if not block and not line.startswith(PEM_BEGIN):
            secrets.append(line)
            continue
        block.append(line)
        if line.startswith(_PEM_END):
            secrets.append("\n".join(block))
            block = []
    return [*secrets, "\n".join(block)] if block else secrets  # whoever reads such a PEM refuses it


def first_secret(text: str) -> str:
    """Return the secret that is in use; an empty text if there is none."""
    return next(iter(split_secrets(text)), "")
