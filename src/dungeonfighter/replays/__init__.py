"""Runs as data: the file format of a replay, and its execution. This room has no I/O."""
