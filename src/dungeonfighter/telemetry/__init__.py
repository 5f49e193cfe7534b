"""Logs, the meter and its metrics, and the sums over all workers."""
