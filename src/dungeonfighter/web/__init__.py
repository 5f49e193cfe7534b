"""The watch page and its API."""
