"""Removes old runs, saves and bots, and single bots, while servers run.

`prune` decides what goes; `sqlite_removal` and `postgres_removal` remove it in short transactions.
"""
