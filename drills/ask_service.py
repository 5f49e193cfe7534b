"""The operator's side of `drills.services`: `ask_service.py SOCKET start|stop|restart NAME`."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path


def main() -> int:
    path = Path(sys.argv[1])
    with socket.socket(socket.AF_UNIX) as drill:
        try:
            os.chdir(path.parent)
            drill.connect(path.name)
        except OSError as error:
            print(f"the drill does not run: {error.strerror}", file=sys.stderr)
            return 1
        drill.sendall(f"{' '.join(sys.argv[2:])}\n".encode())
        answer = drill.makefile(encoding="utf-8").read()
    status, _, text = answer.partition(" ")
    print(text.strip(), file=sys.stderr if status != "0" else sys.stdout)
    return 0 if status == "0" else 1


if __name__ == "__main__":
    sys.exit(main())
