"""Both official SDKs play over TLS through HAProxy, with a certificate of an authority of the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mcp.client.client import Client

from dungeonfighter.rules import Rules
from testkit.certificates import Authority
from testkit.haproxy import Haproxy
from testkit.server_process import ServerProcess
from tests.balancers import write_certificate
from tests.clients.played import assert_played, play_in_node, present_view
from tests.protocol.scripts import a_cleared_dungeon
from tests.protocol.test_playing import begin, go_on

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def front(
    server: ServerProcess, trusted: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Haproxy]:
    folder = tmp_path_factory.mktemp("haproxy")
    write_certificate(trusted, folder / "certificates")
    servers = {f"SERVER_{letter}": f"127.0.0.1:{server.port}" for letter in "ABC"}
    with Haproxy(
        folder, "servers-by-address.cfg", CERTIFICATES=str(folder / "certificates"), **servers
    ) as program:
        yield program


@pytest.fixture(autouse=True)
def clients_trust_it(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.file))
    monkeypatch.setenv("NODE_EXTRA_CA_CERTS", str(trusted.file))


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_the_python_sdk_plays_a_dungeon(front: Haproxy, rules: Rules, mode: str) -> None:
    script = a_cleared_dungeon(rules)
    url = f"{front.tls_url}/bots/python-{mode}/mcp"
    async with Client(url, mode=mode) as client:
        assert await begin(client, script) == list(script.texts)
    async with Client(url, mode=mode) as client:
        await go_on(client, script)


@pytest.mark.parametrize(("major", "mode"), [(1, "legacy"), (2, "auto"), (2, "legacy")])
def test_the_typescript_sdk_plays(
    server: ServerProcess, front: Haproxy, rules: Rules, major: int, mode: str
) -> None:
    bot = f"typescript-{major}-{mode}"
    _, calls = play_in_node(
        f"typescript_{major}.mjs", {"url": f"{front.tls_url}/bots/{bot}/mcp?toolset=fleet"}, mode
    )
    assert_played(calls, rules, present_view(server.url, bot))


@pytest.mark.parametrize(("major", "mode"), [(1, "legacy"), (2, "auto")])
def test_the_typescript_sdk_names_its_bot(
    server: ServerProcess, front: Haproxy, rules: Rules, major: int, mode: str
) -> None:
    bot = f"typescript-{major}-named"
    _, calls = play_in_node(
        f"typescript_{major}.mjs", {"url": f"{front.tls_url}/mcp?toolset=fleet"}, mode, bot
    )
    assert_played(calls, rules, present_view(server.url, bot))
