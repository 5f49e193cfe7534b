"""Tokens of an identity provider with a real server: discovery, login, refresh, rotation, and refusals."""

from __future__ import annotations

import http.client
import json
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl

from testkit.server_process import ServerProcess
from tests.provider import Key, Provider

METADATA = "/.well-known/oauth-protected-resource"


class Served:
    """A server and the identity provider that it trusts."""

    def __init__(self, folder: Path, provider: Provider, *more: str) -> None:
        self.provider = provider
        flags = ["--auth=jwt", f"--jwt-issuer={provider.issuer}", f"--jwks-url={provider.jwks_url}", *more]
        self.server = ServerProcess(folder, "memory://", flags)
        self.server.add_flags(f"--public-url={self.server.url}")
        self.resource = f"{self.server.url}/mcp"

    def token(self, audience: str = "", **claims: object) -> str:
        return self.provider.token(audience or self.resource, **{"scope": "play", **claims})

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        given = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {**given, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        is_json = answer.headers["Content-Type"] == "application/json" and content
        return answer.status, json.loads(content) if is_json else None, answer.headers

    def call(
        self, token: str | None, tool: str, arguments: Mapping[str, object], path: str = "/mcp",
        method: str = "tools/call",
    ) -> tuple[int, Any, http.client.HTTPMessage]:  # fmt: skip
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.send("POST", path, message, headers)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for tests that change neither it nor its provider."""
    with Provider() as provider:
        served = Served(tmp_path_factory.mktemp("jwt"), provider, "--workers=1")
        with served.server:
            yield served


@pytest.mark.parametrize(
    "path", [METADATA, f"{METADATA}/mcp", f"{METADATA}/mcp/", f"{METADATA}/mcp?toolset=core"]
)
def test_the_metadata_name_the_resource_and_its_provider(shared: Served, path: str) -> None:
    status, body, headers = shared.send("GET", path, headers={"Origin": "http://localhost:6274"})
    assert status == 200
    assert body == {
        "resource": shared.resource,
        "authorization_servers": [shared.provider.issuer],
        "scopes_supported": ["play", "fleet"],
        "bearer_methods_supported": ["header"],
        "resource_name": "DungeonFighter",
    }
    assert headers["Content-Type"] == "application/json"
    assert headers["Access-Control-Allow-Origin"] == "http://localhost:6274"
    assert shared.send("HEAD", path)[:2] == (200, None)


@pytest.mark.parametrize(
    "path",
    [
        f"{METADATA}/bots/ada/mcp", f"{METADATA}/", f"{METADATA}/mcp/x", "/.well-known/",
        "/mcp/.well-known/x",
        "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp", "/authorize", "/token", "/register",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_addresses_of_discovery_are_clearly_absent(shared: Served, path: str, method: str) -> None:
    status, body, headers = shared.send(method, path, None if method == "GET" else {})
    assert status == 404
    assert "there is nothing here" in json.dumps(body)
    assert "WWW-Authenticate" not in headers


def test_get_on_an_mcp_address_needs_no_login(shared: Served) -> None:
    status, _, headers = shared.send("GET", "/mcp")
    assert (status, headers["Allow"]) == (405, "POST")
    assert "WWW-Authenticate" not in headers


def test_a_caller_without_a_token_is_led_to_the_provider(shared: Served) -> None:
    for path in ("/mcp", "/mcp/", "/bots/ada/mcp", "/mcp?toolset=core"):
        status, body, headers = shared.call(None, "get_game_state", {}, path)
        assert (status, body["error"]["code"], body["id"]) == (401, -32000, 1)
        assert headers.get_all("WWW-Authenticate") == [
            f'Bearer scope="play", resource_metadata="{shared.server.url}{METADATA}/mcp"'
        ]


@pytest.mark.parametrize(
    "claims",
    [
        {"audience": "https://other.example.org/mcp"},
        {"exp": int(time.time()) - 60},
        {"iss": "https://other.example.org"},
        {"fleet": 5},
    ],
)
@pytest.mark.parametrize("method", ["tools/call", "tools/list", "resources/read"])
def test_an_unfit_token_is_refused_as_invalid(shared: Served, claims: dict[str, Any], method: str) -> None:
    status, body, headers = shared.call(shared.token(**claims), "get_game_state", {}, method=method)
    assert (status, body["id"]) == (401, 1)
    assert headers["WWW-Authenticate"].startswith('Bearer error="invalid_token", scope="play", resource_meta')


@pytest.mark.parametrize("more", [{}, {"unknown": 1}], ids=["by the short way", "by the SDK"])
def test_a_narrower_scope_leads_to_the_scopes_that_the_call_needs(
    shared: Served, more: dict[str, object]
) -> None:
    arguments = {"botId": "eve", "inputs": ["1"]}
    params = {"name": "handle_inputs", "arguments": arguments, **more}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    credentials = {"Authorization": f"Bearer {shared.token()}"}
    status, body, headers = shared.send("POST", "/mcp", message, credentials)
    assert (status, body["error"]["data"]["code"], body["id"]) == (403, "not_allowed", 1)
    assert headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", scope="play fleet", '
        f'resource_metadata="{shared.server.url}{METADATA}/mcp"'
    )


def test_a_bot_outside_the_pattern_is_a_result_and_no_matter_of_scopes(shared: Served) -> None:
    status, body, _ = shared.call(shared.token(bots="a-*"), "start_new_game", {"botId": "b-1"})
    assert (status, body["result"]["structuredContent"]["code"]) == (200, "not_allowed")


def test_hostile_credentials_are_refused_and_logged_nowhere(shared: Served) -> None:
    good = shared.token()
    header, payload, signature = good.split(".")
    for credentials in (
        f"{header}.{payload}.{signature[::-1]}", f"{header}.{payload}.", f".{payload}.{signature}",
        "x" * 9000, f"{good}, Bearer {good}", "\xff\xfe", "a.b.c",
        Key("first").sign({"iss": shared.provider.issuer, "aud": shared.resource}),
    ):  # fmt: skip
        assert shared.call(credentials, "get_game_state", {})[0] == 401
    assert shared.call("x" * 65_536, "get_game_state", {})[0] == 431
    log = shared.server.log.read_text()
    assert signature not in log
    assert "Traceback" not in log


def test_the_watch_page_takes_the_same_tokens(shared: Served) -> None:
    status, _, headers = shared.send("GET", "/api/bots")
    assert (status, "resource_metadata=" in headers["WWW-Authenticate"]) == (401, True)
    token = shared.token(sub="page", fleet="team-p")
    shared.call(token, "start_new_game", {"botId": "page-1", "weapon": "mace"})
    status, body, _ = shared.send("GET", "/api/bots", headers={"Authorization": f"Bearer {token}"})
    assert (status, [bot["botId"] for bot in body["bots"]]) == (200, ["page-1"])


def test_both_ways_serve_the_same_token(shared: Served) -> None:
    token = shared.token(sub="both")
    assert shared.call(token, "start_new_game", {"botId": "both", "weapon": "mace"})[0] == 200
    status, body, _ = shared.call(token, "get_game_state", {"botId": "both", "view": "text"})
    assert (status, body["result"]["isError"]) == (200, False)
    assert shared.call(token, "", {}, method="tools/list")[0] == 200


def test_keys_rotate_and_the_provider_may_be_away(tmp_path: Path, provider: Provider) -> None:
    provider.is_away = True
    served = Served(tmp_path, provider)
    with served.server:
        status, body, headers = served.call(served.token(), "get_game_state", {})
        assert (status, body["error"]["data"]["code"]) == (503, "store_unavailable")
        assert int(headers["Retry-After"]) >= 1
        assert served.send("GET", f"{METADATA}/mcp")[0] == 200
        provider.is_away = False
        deadline = time.monotonic() + 60
        while served.call(served.token(), "start_new_game", {"weapon": "mace"})[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        old = served.token()
        provider.keys.insert(0, Key("second"))
        # An unknown key was searched for at the first call, so the next search may be a minute away.
        assert served.call(old, "get_game_state", {})[0] == 200
        provider.is_away = True
        assert served.call(old, "get_game_state", {})[0] == 200


def test_a_token_of_a_new_key_is_accepted_at_once(tmp_path: Path, provider: Provider) -> None:
    served = Served(tmp_path, provider)
    with served.server:
        assert served.call(served.token(), "get_game_state", {})[0] == 200
        provider.keys.insert(0, Key("second"))
        assert served.call(served.token(), "get_game_state", {})[0] == 200
        assert provider.asked["/keys"] == 2


def test_discovery_is_answered_during_a_drain(tmp_path: Path, provider: Provider) -> None:
    served = Served(tmp_path, provider, "--drain-seconds=30")
    with served.server:
        served.server.signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while served.send("GET", "/readyz")[0] != 503:
            assert time.monotonic() < deadline
        assert served.send("GET", f"{METADATA}/mcp")[0] == 200
        assert served.send("GET", "/.well-known/x")[0] == 404


@pytest.mark.parametrize("auth", ["none", "tokens"])
def test_without_a_provider_there_are_no_metadata(tmp_path: Path, auth: str) -> None:
    with ServerProcess(tmp_path, flags=[f"--auth={auth}"]) as server:
        for path in (METADATA, f"{METADATA}/mcp", "/authorize"):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", path)
            answer = connection.getresponse()
            assert (answer.status, "error" in json.loads(answer.read())) == (404, True)
            connection.close()


class Memory:
    """Keeps what a client stores between its runs."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Login:
    """The official Python client with a browser whose user agrees at once."""

    REDIRECT: ClassVar[str] = "http://127.0.0.1:9/callback"

    def __init__(self, url: str) -> None:
        self.url = url
        self.memory = Memory()
        self.logins = 0
        self._back: dict[str, str] = {}

    async def visit(self, url: str) -> None:
        self.logins += 1
        async with httpx2.AsyncClient() as browser:
            answer = await browser.get(url, follow_redirects=False)
        self._back = dict(httpx2.URL(answer.headers["location"]).params)

    async def come_back(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(code=self._back["code"], state=self._back["state"])

    async def play(self, calls: list[tuple[str, dict[str, Any]]]) -> list[str]:
        """Log in if necessary, and return the texts of the answers; the token expires after the first one."""
        metadata = OAuthClientMetadata(
            client_name="tests", redirect_uris=[AnyUrl(self.REDIRECT)], token_endpoint_auth_method="none",
            grant_types=["authorization_code", "refresh_token"],
        )  # fmt: skip
        auth = OAuthClientProvider(self.url, metadata, self.memory, self.visit, self.come_back)
        texts = []
        async with (
            httpx2.AsyncClient(auth=auth, timeout=60) as client,
            streamable_http_client(self.url, http_client=client) as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            for tool, arguments in calls:
                result = await session.call_tool(tool, arguments)
                texts.append("".join(getattr(block, "text", "") for block in result.content))
                if len(texts) == 1:
                    auth.context.token_expiry_time = 1.0  # by the client's own reckoning
        return texts


BEGIN = ("start_new_game", {"botId": "py", "weapon": "mace"})
LOOK = ("get_game_state", {"botId": "py"})
MANY = ("handle_inputs", {"botId": "py", "inputs": ["1"]})


@pytest.mark.parametrize("slash", ["", "/"])
async def test_the_official_client_discovers_logs_in_and_plays(
    tmp_path: Path, provider: Provider, slash: str
) -> None:
    served = Served(tmp_path, provider)
    with served.server:
        login = Login(f"{served.resource}{slash}")
        first, second = await login.play([BEGIN, LOOK])
        assert first.startswith("e1 t0 ")
        assert second
        assert login.logins == 1
        assert provider.granted[0] == ("authorization_code", "play", served.resource)


async def test_the_official_client_refreshes_and_asks_for_more(tmp_path: Path, provider: Provider) -> None:
    served = Served(tmp_path, provider)
    with served.server:
        login = Login(served.resource)
        texts = await login.play([BEGIN, LOOK, MANY, LOOK])
        assert all(text.startswith("e1 t") for text in texts)
        assert login.logins == 2
        assert provider.granted == [
            ("authorization_code", "play", served.resource),
            ("refresh_token", "play", served.resource),
            ("authorization_code", "play fleet", served.resource),
        ]


async def test_the_official_client_reports_a_provider_that_grants_another_audience(
    tmp_path: Path, provider: Provider
) -> None:
    provider.audience = "https://other.example.org"
    served = Served(tmp_path, provider)
    with served.server:
        login = Login(served.resource)
        with pytest.raises(BaseExceptionGroup):
            await login.play([LOOK])
        assert login.logins == 1
