"""Asks the server of this container for /readyz, and exits with 0 if it is ready, else with 1.

It asks by a plain socket: no proxy of the environment comes in between, and no further process starts.
"""

from __future__ import annotations

import os
import socket
import sys

SECONDS_MAX = 3.0


def main() -> int:
    host, _, port = os.environ.get("ADMIN_LISTEN", "").rpartition(":")
    port = port or os.environ.get("DUNGEONFIGHTER_PORT") or "8000"
    host = host.strip("[]")
    if host in {"", "0.0.0.0"}:
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    try:
        with socket.create_connection((host, int(port)), SECONDS_MAX) as end:
            end.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            line = end.makefile("rb").readline(1_000).decode("latin-1").strip()
    except (OSError, ValueError) as error:
        print(f"port {port}: {error}")
        return 1
    print(line)
    return 0 if " 200 " in f"{line} " else 1


if __name__ == "__main__":
    sys.exit(main())
