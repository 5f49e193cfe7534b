"""Runs as data for training: each is executed again and written as one line per turn.

Source: docs/trajectories.md.
"""
