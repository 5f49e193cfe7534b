"""HAProxy as a real program with the files of deploy/haproxy."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

from testkit import parts
from testkit.ports import quiet_port
from testkit.programs import Program

FILES = parts.ROOT / "deploy" / "haproxy"


class Haproxy(Program):
    """HAProxy with the files of `deploy/haproxy`.

    Args:
        folder: Gets the log and the socket of the administrator.
        servers: The name of the second file, or its absolute path.
        environ: The variables that deploy/haproxy/README.md describes.
        program: The path of HAProxy; by default that of the system.
    """

    def __init__(self, folder: Path, servers: str, program: str = "", **environ: str) -> None:
        self.port, self.tls_port, self.status_port = (quiet_port() for _ in range(3))
        self._socket = folder / "admin.sock"
        files = [word for name in ("haproxy.cfg", servers) for word in ("-f", str(FILES / name))]
        variables = {
            "HTTP_BIND": f"127.0.0.1:{self.port}",
            "HTTPS_BIND": f"127.0.0.1:{self.tls_port}",
            "STATUS_BIND": f"127.0.0.1:{self.status_port}",
            "ADMIN_SOCKET": str(self._socket),
            **environ,
        }
        super().__init__(
            [program or haproxy(), "-W", *files], folder / "haproxy.log", variables, self.has_server
        )

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"

    def has_server(self) -> bool:
        """Return True if a server is ready."""
        return self._socket.exists() and any(one.endswith("UP") for one in self.states("any").values())

    def order(self, words: str) -> str:
        """Give an order through the socket of the administrator; return the answer."""
        with socket.socket(socket.AF_UNIX) as end:
            try:
                end.connect(str(self._socket))
            except ConnectionRefusedError:
                return ""
            end.sendall(words.encode() + b"\n")
            pieces = []
            while piece := end.recv(65_536):
                pieces.append(piece)
        return b"".join(pieces).decode().strip()

    def states(self, backend: str) -> dict[str, str]:
        """Return what `show stat` says of each server of a backend that has an address, by name."""
        lines = [line.split(",") for line in self.order("show stat").splitlines()]
        rows = [dict(zip(lines[0], line, strict=False)) for line in lines[1:]] if lines else []
        return {
            row["svname"]: f"{row['addr']} {row['status']}"
            for row in rows
            if row.get("# pxname") == backend and row.get("addr")
        }

    def reload(self) -> None:
        """Read the files anew, and wait until the new process serves."""
        former = self._worker()
        self.signal(signal.SIGUSR2)
        self.wait_until(lambda: self._worker() not in {"", former} and self.has_server())

    def _worker(self) -> str:
        found = [line for line in self.order("show info").splitlines() if line.startswith("Pid:")]
        return found[0] if found else ""


def haproxy() -> str:
    return parts.program("haproxy", part="haproxy")
