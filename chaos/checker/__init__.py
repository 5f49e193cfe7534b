"""A checker of histories: what clients were answered, against what the store has.

It reads nothing but the clients' journal, the rows of the store by SQL of its own, and the rules. It imports
nothing of the rooms that serve (hosting, storage, fleet, ...), so it repeats none of their mistakes.

Source: docs/decisions/056-the-history-checker.md.
"""

from __future__ import annotations

from chaos.checker.checking import check
from chaos.checker.findings import Findings, Kind, Violation
from chaos.checker.promotions import Promotion, Stand, read_promotions
from chaos.checker.reading import StoreError, load, load_ends, load_places

__all__ = [
    "Findings",
    "Kind",
    "Promotion",
    "Stand",
    "StoreError",
    "Violation",
    "check",
    "load",
    "load_ends",
    "load_places",
    "read_promotions",
]
