"""The log-in of the watch page: its requests, its cookie, and the requests that carry it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from dungeonfighter.access.admission import TokenAdmission
from dungeonfighter.access.failed_log_ins import FAILURES_MAX, FailedLogIns
from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.access.page_sessions import SESSION_SECONDS
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.settings import Settings
from dungeonfighter.web.app import WatchApp
from dungeonfighter.web.log_in import COOKIE, LogIn
from tests.unit.access.test_page_sessions import Office
from tests.unit.web.watching import Reply, Request, Site

HOST = "game.example.org"
OWN = f"https://{HOST}"
JSON = {"content_type": "application/json"}


class Door(Site):
    """A site whose callers have tokens."""

    def __init__(self, public_url: str = "") -> None:
        self.office = Office()
        super().__init__(TokenAdmission(Rates(RateSettings(), lambda: 1.0), self.office.book), fleet=None)
        guard = HostGuard(Settings())
        failures = FailedLogIns(self.office.hand.now)
        log_in = LogIn(self.office.sessions, failures, guard.is_own_page, self.office.hand, public_url)
        self.app = WatchApp(self.host, self.watch, self.admission, log_in)

    async def ask(
        self, method: str, target: str = "/api/session", body: bytes = b"", address: str = "10.0.0.9",
        **headers: str,
    ) -> Reply:  # fmt: skip
        request = Request(self.app, target, method, {"host": HOST, **headers}, body, address)
        await request.run()
        return request.reply

    async def log_in(self, secret: bytes, **headers: str) -> Reply:
        body = json.dumps({"token": secret.decode()}).encode()
        return await self.ask("POST", body=body, **{"origin": OWN, **JSON, **headers})

    async def cookie(self, **token: Any) -> str:
        """Return the cookie of a new session, as a browser sends it."""
        reply = await self.log_in(await self.office.make(**token))
        assert reply.status == 200
        return reply.headers["set-cookie"].partition(";")[0]


async def test_a_token_becomes_a_cookie_that_only_the_browser_knows() -> None:
    door = Door()
    secret = await door.office.make(bots="a-*")
    reply = await door.log_in(secret)
    assert reply.status == 200
    end = int(door.office.hand.wall()) + SESSION_SECONDS
    assert reply.json == {"fleet": "team-a", "bots": "a-*", "expiresAt": end}
    assert reply.headers["cache-control"] == "no-store"
    pair, *attributes = reply.headers["set-cookie"].split("; ")
    assert pair.startswith(f"{COOKIE}=")
    assert attributes == [f"Max-Age={SESSION_SECONDS}", "HttpOnly", "SameSite=Strict", "Secure"]
    assert secret not in repr(reply.headers).encode() + reply.body


@pytest.mark.parametrize(
    ("public_url", "origin", "is_secure"),
    [
        ("", "https://game.example.org", True),
        ("", "http://game.example.org", False),
        ("https://game.example.org", "http://game.example.org", True),
        ("http://game.example.org", "http://game.example.org", False),
    ],
)
async def test_the_cookie_is_secure_behind_tls(public_url: str, origin: str, is_secure: bool) -> None:
    door = Door(public_url)
    reply = await door.log_in(await door.office.make(), origin=origin)
    assert ("Secure" in reply.headers["set-cookie"].split("; ")) is is_secure


async def test_a_session_lives_no_longer_than_its_token() -> None:
    door = Door()
    reply = await door.log_in(await door.office.make(expires_in=100))
    assert "Max-Age=100;" in reply.headers["set-cookie"]


async def test_the_cookie_is_a_caller_of_the_api() -> None:
    door = Door()
    await door.host.start("team-a/ada", NewGame(seed=1, weapon=1))
    cookie = await door.cookie()
    assert (await door.ask("GET", "/api/bots")).status == 401
    reply = await door.ask("GET", "/api/bots", cookie=f"a=b; {cookie}; c=d")
    assert [bot["botId"] for bot in reply.json["bots"]] == ["ada"]
    assert (await door.ask("GET", cookie=cookie)).json["fleet"] == "team-a"


async def test_an_old_cookie_beside_a_good_one_does_no_harm() -> None:
    door = Door()
    cookie = await door.cookie()
    both = f"{COOKIE}=old; {cookie}"
    assert (await door.ask("GET", cookie=both)).status == 200
    assert (await door.ask("GET", cookie=f"{COOKIE}=old")).status == 401


@pytest.mark.parametrize("origin", ["https://friend.example.org", "http://localhost:6274", "null", ""])
async def test_the_cookie_does_not_count_on_another_page(origin: str) -> None:
    door = Door()
    cookie = await door.cookie()
    assert (await door.ask("GET", "/api/bots", cookie=cookie, origin=origin)).status == 401
    assert (await door.ask("GET", "/api/bots", cookie=cookie, origin=OWN)).status == 200


@pytest.mark.parametrize(
    "origin",
    [None, "https://friend.example.org", "http://localhost:6274", "null", "https://game.example.org:444",
     "https://game.example.org.evil.org"],
)  # fmt: skip
async def test_only_the_own_page_logs_in_and_out(origin: str | None) -> None:
    door = Door()
    body = json.dumps({"token": (await door.office.make()).decode()}).encode()
    named = {} if origin is None else {"origin": origin}
    for method in ("POST", "DELETE"):
        reply = await door.ask(method, body=body, **JSON, **named)
        assert (reply.status, reply.json["error"]["code"]) == (403, "not_allowed")
        assert "such as http://127.0.0.1:8000" in reply.json["error"]["message"]
        assert "set-cookie" not in reply.headers


async def test_a_log_out_takes_the_cookie_away() -> None:
    door = Door()
    reply = await door.ask("DELETE", origin=OWN, cookie=await door.cookie())
    assert reply.status == 200
    assert reply.headers["set-cookie"] == f"{COOKIE}=; Max-Age=0; HttpOnly; SameSite=Strict; Secure"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"token": 1}', "application/json", 400),
        (b'{"token": "a", "more": 1}', "application/json", 400),
        (b"{" * 3000, "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"token": "df_wrong"}', "application/json", 401),
        (b'{"token": "\xc3\xa4"}', "application/json; charset=utf-8", 401),
        (b'{"token": ""}', "application/json", 401),
        (b'{"token": "' + b"x" * 4000 + b'"}', "application/json", 401),
        (b"x" * 5000, "application/json", 413),
        (b"token=a", "application/x-www-form-urlencoded", 415),
        (b'{"token": "a"}', "text/plain", 415),
    ],
)
async def test_a_bad_log_in_is_refused(body: bytes, kind: str, status: int) -> None:
    door = Door()
    await door.office.make()
    reply = await door.ask("POST", body=body, origin=OWN, content_type=kind)
    assert reply.status == status
    assert "set-cookie" not in reply.headers
    assert ("www-authenticate" in reply.headers) is (status == 401)


async def test_other_methods_are_refused() -> None:
    reply = await Door().ask("PUT", origin=OWN)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, POST, DELETE")


async def test_an_address_that_failed_often_must_wait_even_with_a_good_token() -> None:
    door = Door()
    secret = await door.office.make()
    for _ in range(FAILURES_MAX):
        assert (await door.log_in(b"df_wrong")).status == 401
    refused = await door.log_in(secret)
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    body = json.dumps({"token": secret.decode()}).encode()
    other = await door.ask("POST", body=body, address="10.0.0.10", origin=OWN, **JSON)
    assert other.status == 200


async def test_good_log_ins_are_not_counted() -> None:
    door = Door()
    secret = await door.office.make()
    for _ in range(FAILURES_MAX * 2):
        assert (await door.log_in(secret)).status == 200


async def test_an_open_stream_ends_with_its_session() -> None:
    door = Door()
    cookie = await door.cookie()
    request = Request(door.app, "/api/events", "GET", {"host": HOST, "cookie": cookie})
    task = asyncio.create_task(request.run())
    events = await request.events(3)
    assert [name for name, _ in events] == ["session", "history", "summary"]
    assert events[0][1]["fleet"] == "team-a"
    door.office.hand.seconds += SESSION_SECONDS
    await door.office.book.refresh()
    await door.tick()
    await asyncio.wait_for(request.ended.wait(), 10)
    request.left.set()
    await task
    assert len(await request.events(3)) == 3


async def test_credentials_win_over_the_cookie() -> None:
    door = Door()
    cookie = await door.cookie()
    reply = await door.ask("GET", "/api/bots", cookie=cookie, authorization="Bearer df_wrong")
    assert reply.status == 401


async def test_without_access_control_there_are_no_sessions() -> None:
    site = Site()
    assert (await site.get("/api/session")).status == 404
    assert (await site.get("/api/session", "POST", origin="http://localhost")).status == 405
