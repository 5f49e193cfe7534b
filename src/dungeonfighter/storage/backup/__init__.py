"""Backups of a store and their restoring; docs/backups.md is the manual."""
