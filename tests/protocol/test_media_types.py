"""Which media types a client takes, and in which spelling the server reads them.

Source: RFC 9110, sections 8.3.1 and 12.5.1.
"""

from __future__ import annotations

import msgspec
import pytest

from dungeonfighter.mcp.media_types import EVENTS, JSON, accepts
from tests.protocol.both_ways import ERAS, Ask, BothWays, ask

ALL = [
    (), (b"",), (b" ",), (b",",), (b"*/*",), (b"application/*",), (b"application/json",),
    (b"APPLICATION/Json",),
    (b"text/html, application/json;q=0.1",), (b"application/json;q=0.001",), (b"application/json; Q=1",),
    (b"text/html", b"application/json"), (b"text/html", b"*/*;q=0.1"), (b"text/html;q=0, */*",),
    (b"application/json;charset=utf-8;q=0.5",), (b"application/*;q=0, application/json",),
    (b"*/*;q=0, application/json",), (b"application/json;q=0, application/json",),
    (b"application/json\t;q=1",),
    (b"*/*;q=00",),
]  # fmt: skip
NONE = [
    (b"text/html",), (b"text/event-stream",), (b"text/*",), (b"application/json;q=0",), (b"*/*;q=0",),
    (b"application/json;q=0.000, */*",), (b"application/json ; q=0., */*",), (b"application/*;Q=0, */*",),
    (b"application/json;q=0", b"*/*"), (b"text/html", b"image/*"), (b"application/jsonx",),
    (b"xapplication/json",),
    (b"application / json",), (b"json",), (b"application/json;q = 0",),
]  # fmt: skip


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("values", ALL, ids=repr)
def test_a_client_that_takes_json_is_served(
    both: BothWays, values: tuple[bytes, ...], era: str | None
) -> None:
    good = ask("get_game_state", {"botId": "ada"}, era=era)
    answer, took = both.agree(good.with_header("accept", *values))
    assert answer.status == 200
    assert took or len(values) > 1


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("values", NONE, ids=repr)
def test_a_client_that_takes_no_json_is_not(
    both: BothWays, values: tuple[bytes, ...], era: str | None
) -> None:
    good = ask("get_game_state", {"botId": "ada"}, era=era)
    assert both.agree(good.with_header("accept", *values))[0].status == 406


@pytest.mark.parametrize("values", ALL, ids=repr)
def test_every_method_is_served_to_it(both: BothWays, values: tuple[bytes, ...]) -> None:
    params = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "a", "version": "1"},
    }
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    initialize = ask("get_game_state", era=None).with_body(body)
    assert both.agree(initialize.with_header("accept", *values))[0].status == 200


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "kind",
    [b"application/json", b"Application/JSON", b"application/json;charset=UTF-8", b"APPLICATION/JSON ; a=b"],
)
def test_json_in_any_spelling_is_read(both: BothWays, kind: bytes, era: str | None) -> None:
    answer, took = both.agree(spelled(kind, era))
    assert (answer.status, took) == (200, True)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "kind",
    [b"text/plain", b"", b"application/jsonx", b"application/json, text/plain", b"\xa0application/json",
     b"application/x-www-form-urlencoded", b"multipart/form-data", b"json"],
)  # fmt: skip
def test_other_bodies_are_not_read(both: BothWays, kind: bytes, era: str | None) -> None:
    assert both.agree(spelled(kind, era))[0].status == 415
    assert (
        both.agree(spelled(b"application/json", era).with_header("content-encoding", b"gzip"))[0].status
        == 415
    )
    assert both.agree(spelled(b"application/json", era).with_header("content-encoding", b"identity"))[1]


def spelled(kind: bytes, era: str | None) -> Ask:
    return ask("get_game_state", {"botId": "ada"}, era=era).with_header("content-type", kind)


def test_a_range_for_json_does_not_cover_events() -> None:
    assert not accepts(JSON, EVENTS)
    assert accepts(f"{JSON}, Text/*", EVENTS)
    assert accepts(None, EVENTS)
