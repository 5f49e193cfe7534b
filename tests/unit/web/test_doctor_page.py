"""`/api/doctor` answers operators only, and only where no stranger can be one."""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.access.principals import LOCAL, Principal, Scope
from dungeonfighter.errors import NotAllowed
from dungeonfighter.settings import Settings, read_settings
from dungeonfighter.web.app import WatchApp
from dungeonfighter.web.doctor_page import DoctorPage
from tests.doors import TOO_MANY, Doorkeeper
from tests.unit.web.watching import Site

REPORT = b'{"instance":"here"}'
OPERATOR, PLAYER = "Bearer operator", "Bearer player"


async def report() -> bytes:
    return REPORT


class Keeper(Doorkeeper):
    """Admits by scope."""

    def __init__(self) -> None:
        super().__init__()
        self.callers = {
            None: LOCAL,
            OPERATOR.encode(): Principal("ops", scopes=frozenset({"admin"})),
            PLAYER.encode(): Principal("team", scopes=frozenset({"read", "play", "fleet", "balance"})),
        }

    def admit(self, principal: Principal, scope: Scope, bot: str | None, turns: int) -> None:
        if scope not in principal.scopes:
            raise NotAllowed(f"the caller may not {scope}")
        super().admit(principal, scope, bot, turns)


def site(**settings: str) -> tuple[Site, Keeper]:
    keeper = Keeper()
    made = Site(keeper)
    given = read_settings(settings, {}) if settings else Settings()
    made.app = WatchApp(made.host, made.watch, keeper, None, DoctorPage.of(given, report))
    return made, keeper


async def test_everybody_on_a_server_of_this_machine_alone_may_ask() -> None:
    page, keeper = site()
    reply = await page.get("/api/doctor")
    assert (reply.status, reply.body) == (200, REPORT)
    assert reply.headers["cache-control"] == "no-store"
    assert keeper.admitted == [("local", "admin", None, 0)]


async def test_only_the_scope_admin_opens_the_report() -> None:
    page, keeper = site(auth="tokens", host="0.0.0.0")
    assert (await page.get("/api/doctor", authorization=OPERATOR)).body == REPORT
    keeper.admitted.clear()
    reply = await page.get("/api/doctor", authorization=PLAYER)
    assert reply.status == 403
    assert reply.json == {"error": {"code": "not_allowed", "message": "the caller may not admin"}}
    assert not keeper.admitted


@pytest.mark.parametrize("header", ["forwarded", "via", "x_forwarded_for", "x_real_ip"])
async def test_no_report_goes_through_a_proxy_without_access_control(header: str) -> None:
    page, keeper = site()
    reply = await page.get("/api/doctor", **{header: "127.0.0.1"})
    assert reply.status == 403
    assert "--auth tokens" in reply.json["error"]["message"]
    assert not keeper.admitted
    with_tokens, _ = site(auth="tokens")
    answer = await with_tokens.get("/api/doctor", authorization=OPERATOR, **{header: "127.0.0.1"})
    assert answer.status == 200


async def test_a_page_of_another_origin_gets_no_report_even_with_a_token() -> None:
    for settings in ({}, {"auth": "tokens"}):
        page, _ = site(**settings)
        reply = await page.get("/api/doctor", authorization=OPERATOR, origin="http://localhost:3000")
        assert reply.status == 403


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0", "allow_open": "1"},
        {"admin_listen": "0.0.0.0:9000", "allow_open": "1"},
        {"trusted_proxies": "10.0.0.0/8"},
    ],
)
async def test_a_server_that_strangers_reach_gives_no_report_without_access_control(
    settings: dict[str, str],
) -> None:
    """Behind a forwarded port each client may appear as 127.0.0.1, so the settings decide."""
    page, keeper = site(**settings)
    reply = await page.get("/api/doctor")
    assert reply.status == 403
    assert "without access control" in reply.json["error"]["message"]
    assert not keeper.admitted


async def test_a_second_address_of_this_machine_alone_gives_it() -> None:
    page, _ = site(host="0.0.0.0", allow_open="1", admin_listen="127.0.0.1:9000")
    assert (await page.get("/api/doctor")).status == 200


async def test_a_caller_beyond_its_rate_is_refused_and_a_write_too() -> None:
    page, keeper = site()
    assert (await page.get("/api/doctor", method="POST")).status == 405
    keeper.refusal = TOO_MANY
    assert (await page.get("/api/doctor")).status == 429


async def test_a_server_without_the_report_has_no_such_page() -> None:
    reply = await Site(Keeper()).get("/api/doctor")
    assert reply.status == 404
    assert msgspec.json.decode(reply.body)["error"]["code"] == "bad_argument"
