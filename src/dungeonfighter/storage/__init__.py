"""Stores of rows: memory, SQLite, PostgreSQL."""
