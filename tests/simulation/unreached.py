"""Branches that no simulation reaches, each with the reason, so that what is left is a find."""

from __future__ import annotations

from typing import Final

UNREACHED: Final[dict[str, str]] = {}
"""The beginnings of the names of branches (`Branch.name`), each with the reason."""
