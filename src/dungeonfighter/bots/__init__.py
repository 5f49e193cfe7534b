"""Policies over observations, the runner of a run, and the ladder that ranks policies."""
