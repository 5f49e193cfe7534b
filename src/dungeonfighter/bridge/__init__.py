"""The bridge from stdio to HTTP: lets a client that only speaks stdio play at a remote server."""
