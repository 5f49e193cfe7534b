"""Copies whole databases between the stores, and exports bots as JSON Lines.

`sqlite_side` and `postgres_side` read and write the tables of one database in one portable form; `copy` and
`export` do the rest without knowing which one they have.
"""
