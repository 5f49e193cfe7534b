"""The game's content: data files, their schema, and the catalogue built from them."""

from dungeonfighter.rules.catalog.catalogue import (
    LEVEL_MAX,
    ON_COMBO,
    ON_CRITICAL,
    ON_HIT,
    Catalogue,
    PutStatus,
)
from dungeonfighter.rules.catalog.loader import load_catalogue

__all__ = ["LEVEL_MAX", "ON_COMBO", "ON_CRITICAL", "ON_HIT", "Catalogue", "PutStatus", "load_catalogue"]
