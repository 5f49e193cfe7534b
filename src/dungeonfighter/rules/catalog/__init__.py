"""The game's content: the data files, their schema and checks, and the catalogue built from them."""

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
