"""The actions of `catalog`."""
