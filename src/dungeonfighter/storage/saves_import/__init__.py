"""Imports the save files of the original game: reads, maps, writes and reports them; see docs/import.md."""
