"""A server: connections, draining, workers and their supervisor, signals, and the composition root."""
