"""The official TypeScript SDK, 1.x and 2.x, logs in at an identity provider and plays."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from testkit.server_process import ROOT, ServerProcess
from tests.clients.played import PLAYERS, SECONDS_MAX, node
from tests.provider import Provider

pytestmark = pytest.mark.long

FIRST = [("authorization_code", "play"), ("refresh_token", "play")]


@pytest.mark.parametrize("address", ["/mcp", "/mcp/", "/mcp?toolset=fleet"])
@pytest.mark.parametrize(
    ("major", "grants"),
    [
        ("1", FIRST),  # it answers a refusal for a missing scope with a refresh, which changes no scope
        ("2", [*FIRST, ("authorization_code", "play fleet")]),
    ],
)
def test_it_discovers_logs_in_refreshes_and_plays(
    tmp_path: Path, major: str, grants: list[tuple[str, str]], address: str
) -> None:
    program = node("node-clients")
    with Provider() as provider:
        flags = ["--auth=jwt", f"--jwt-issuer={provider.issuer}", f"--jwks-url={provider.jwks_url}"]
        server = ServerProcess(tmp_path, "memory://", flags)
        server.add_flags(f"--public-url={server.url}")
        with server:
            done = subprocess.run(
                [program, str(PLAYERS / "login.mjs"), f"{server.url}{address}", major],
                cwd=ROOT / ".parts" / "node", capture_output=True, text=True, check=False,
                timeout=SECONDS_MAX,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
            found = json.loads(done.stdout)
            assert all(text.startswith("e1 t") for text in found["texts"])
            assert len(found["texts"]) == len(grants)
            resource = f"{server.url}/mcp"
            assert provider.granted == [(kind, scope, resource) for kind, scope in grants]
