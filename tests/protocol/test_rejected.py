"""`mcp_rejected_total` counts each refused request once, by its reason, on both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dungeonfighter.access.admission import BoundedAdmission
from dungeonfighter.access.principals import LOCAL, Principal
from dungeonfighter.access.rates import Rates, RateSettings
from dungeonfighter.errors import NotAllowed, Overloaded, RateLimited, Unauthenticated
from dungeonfighter.hosting.metrics import REASONS
from dungeonfighter.rules import load_rules
from dungeonfighter.telemetry.meter import MeterRegistry
from tests.protocol.served import JSON_HEADERS, Served, call_body, call_headers, post


class Scripted(BoundedAdmission):
    """Refuses what the test says."""

    error: NotAllowed | Overloaded | None = None

    def __init__(self) -> None:
        super().__init__(Rates(RateSettings(), lambda: 0.0))

    def admit(self, principal: Principal, scope: Any, bot: str | None, turns: int) -> None:
        if self.error is not None:
            raise self.error

    def identify(self, authorization: bytes | None) -> Principal:
        if authorization == b"Bearer wrong":
            raise Unauthenticated("wrong")
        return LOCAL


@pytest.fixture
def admission() -> Scripted:
    return Scripted()


@pytest.fixture
def served(admission: Scripted) -> Iterator[Served]:
    with Served(load_rules(), admission=admission, meter=MeterRegistry()) as started:
        yield started


def counted(served: Served) -> dict[str, float]:
    snapshot = served.host.meter.collect()
    values = {reason: snapshot.value("mcp_rejected_total", f'reason="{reason}"') for reason in REASONS}
    return {reason: value for reason, value in values.items() if value}


GOOD = call_body("get_game_state")
HEADERS = call_headers("get_game_state")


@pytest.mark.parametrize(
    ("reason", "headers", "body"),
    [
        ("bad_host", {**HEADERS, "host": "evil.example"}, GOOD),
        ("bad_origin", {**HEADERS, "origin": "http://evil.example"}, GOOD),
        ("unauthorized", {**HEADERS, "authorization": "Bearer wrong"}, GOOD),
        ("header_mismatch", {**HEADERS, "mcp-name": "save_game"}, GOOD),
        ("malformed", JSON_HEADERS, b"{"),
        ("malformed", {**JSON_HEADERS, "content-type": "text/plain"}, GOOD),
        ("body_too_large", JSON_HEADERS, b" " * 1_048_577),
    ],
)
async def test_requests_that_are_refused_unread(
    served: Served, reason: str, headers: dict[str, str], body: Any
) -> None:
    answer = await post(served, body, headers)
    assert 400 <= answer.status_code < 500
    assert counted(served) == {reason: 1}


@pytest.mark.parametrize("tool", ["get_game_state", "handle_input"])
@pytest.mark.parametrize("is_short", [True, False])
@pytest.mark.parametrize(
    ("reason", "error"),
    [("rate_limited", RateLimited("slow")), ("overloaded", Overloaded("busy", retry_after_seconds=7))],
)
async def test_calls_that_are_refused_for_load(
    served: Served, admission: Scripted, tool: str, reason: str, error: Overloaded, *, is_short: bool
) -> None:
    admission.error = error
    arguments: dict[str, Any] = {"input": "1"} if tool == "handle_input" else {}
    body: Any = call_body(tool, arguments)
    if not is_short:
        body["method"] = "tools/call"
        body["extra"] = 1  # the typed decoder leaves it to the SDK
    answer = await post(served, body, call_headers(tool))
    assert answer.status_code == (429 if reason == "rate_limited" else 503)
    data = answer.json()["error"]["data"]
    assert (data["code"], data["retryAfterSeconds"]) == (reason, error.retry_after_seconds)
    assert answer.headers["retry-after"] == str(error.retry_after_seconds)
    assert counted(served) == {reason: 1}


@pytest.mark.parametrize("is_short", [True, False])
async def test_calls_that_a_draining_server_refuses(served: Served, *, is_short: bool) -> None:
    served.ask(served.host.close())
    body: Any = call_body("handle_input", {"input": "1"})
    if not is_short:
        body["extra"] = 1
    answer = await post(served, body, call_headers("handle_input"))
    assert answer.status_code == 503
    assert counted(served) == {"draining": 1}


async def test_each_refused_step_counts_and_is_a_result() -> None:
    rates = Rates(RateSettings(per_fleet=2), lambda: 1000.0)
    with Served(load_rules(), admission=BoundedAdmission(rates), meter=MeterRegistry()) as served:
        steps = [{"botId": f"bot-{number}", "start": {}} for number in range(9)]
        for refused in (4, 13):  # a call costs nothing besides its steps
            answer = await post(served, call_body("step_many", {"steps": steps}), call_headers("step_many"))
            assert answer.status_code == 200
            rows = answer.json()["result"]["structuredContent"]["results"]
            assert {row["code"] for row in rows if "code" in row} == {"rate_limited"}
            assert "used up its 2 calls a second; try again in" in rows[-1]["text"]
            assert counted(served) == {"rate_limited": refused}


async def test_good_calls_are_not_counted(served: Served) -> None:
    for tool, arguments in (("start_new_game", {}), ("handle_input", {"input": "99"})):
        await post(served, call_body(tool, arguments), call_headers(tool))
    assert counted(served) == {}
