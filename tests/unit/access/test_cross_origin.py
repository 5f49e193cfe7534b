"""The answer to a preflight request.

Source: WHATWG, Fetch, "CORS protocol".
"""

from __future__ import annotations

import pytest

from dungeonfighter.access.cross_origin import preflight

ORIGIN = b"https://friend.example.org"
ASKED = b"access-control-request-headers"


def allowed(*asked: bytes) -> bytes | None:
    return dict(preflight(ORIGIN, [(ASKED, value) for value in asked])).get(b"access-control-allow-headers")


@pytest.mark.parametrize(
    "names",
    [b"authorization", b"content-type, mcp-protocol-version, mcp-method, mcp-name, mcp-param-bot-id",
     b"traceparent, tracestate, baggage, sentry-trace", b"mcp-session-id,last-event-id", b"X-Own"],
)  # fmt: skip
def test_the_headers_that_a_page_asks_for_are_named(names: bytes) -> None:
    assert allowed(names) == b", ".join(name.strip() for name in names.split(b","))


def test_several_lines_are_one_list() -> None:
    assert allowed(b"accept, mcp-name", b"authorization") == b"accept, mcp-name, authorization"


@pytest.mark.parametrize(
    "name",
    [b"x-forwarded-for", b"X-Forwarded-Proto", b"Forwarded", b"x-real-ip", b"*\x00", b"a b", b"a:b", b"",
     b"\xff",
     b"a" * 65, b"x-forwarded-\nfor"],
)  # fmt: skip
def test_other_names_are_left_out(name: bytes) -> None:
    assert allowed(name) is None
    assert allowed(name + b", accept") == b"accept"


def test_the_names_are_bounded() -> None:
    found = allowed(b",".join(b"a%d" % number for number in range(1000)))
    assert found is not None
    assert found.count(b",") == 63


def test_a_page_of_another_network_is_answered_when_it_asks() -> None:
    asked = [(b"access-control-request-private-network", b"true")]
    assert (b"access-control-allow-private-network", b"true") in preflight(ORIGIN, asked)
    assert b"access-control-allow-private-network" not in dict(preflight(ORIGIN, []))


def test_the_one_origin_is_named_and_no_cookies_are_allowed() -> None:
    answer = dict(preflight(ORIGIN, []))
    assert answer[b"access-control-allow-origin"] == ORIGIN
    assert b"access-control-allow-credentials" not in answer
    assert b"Origin" in answer[b"vary"]
