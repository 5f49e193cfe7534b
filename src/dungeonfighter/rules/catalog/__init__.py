"""The game's content: the data files, their schema and checks, and the catalogue built from them."""

from dungeonfighter.rules.catalog.catalogue import Catalogue
from dungeonfighter.rules.catalog.loader import load_catalogue

__all__ = ["Catalogue", "load_catalogue"]
