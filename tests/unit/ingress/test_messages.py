"""Each fault of a message is poison with its reason, and a good message becomes a command."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dungeonfighter.ingress.messages import MESSAGE_BYTES_MAX, Command, Decoder, Poison, encode
from dungeonfighter.ingress.partitions import stream_of
from dungeonfighter.ingress.ports import Delivery

BOT = "team-a/bot-1"
GOOD = {"id": "r1", "bot": BOT, "episode": "3", "turn": "14", "input": "2"}


def decoded(
    changes: Mapping[str, str | None], stream: int = stream_of(BOT), size: int = 100
) -> Command | Poison:
    """Decode the good message with changes; None leaves a field out."""
    fields = {name: value.encode() for name, value in {**GOOD, **changes}.items() if value is not None}
    return Decoder("team-a", "df:").decode(Delivery("1-0", stream, fields, 1, size))


def test_a_good_message_is_a_command() -> None:
    command = decoded({"view": "json", "reply_to": "df:out:team-a:me", "of_a_later_release": "1"})
    assert command == Command("r1", BOT, 3, 14, "2", None, "json", "df:out:team-a:me")


def test_a_start_needs_no_turn() -> None:
    command = decoded({"input": None, "turn": None, "start": '{"name":"Zoë"}'})
    assert command == Command("r1", BOT, 3, 0, "", '{"name":"Zoë"}')


@pytest.mark.parametrize("name", ["id", "bot", "episode", "turn", "input"])
def test_a_missing_field_is_named(name: str) -> None:
    assert decoded({name: None}) == Poison("missing_field")


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": "x" * 65},
        {"id": "a\tb"},
        {"id": "é"},
        {"episode": "-1"},
        {"episode": ""},
        {"episode": "1" * 16},
        {"turn": "1.0"},
        {"turn": "\u0663"},
        {"view": "xml"},
        {"start": "{}"},
        {"bot": "bot-1"},
        {"bot": "team-a/"},
        {"bot": "team-a/a b"},
        {"bot": "team-a/b/c"},
    ],
)
def test_a_malformed_field_is_poison(changes: dict[str, str]) -> None:
    bot = changes.get("bot", BOT)
    assert decoded(changes, stream_of(bot)) == Poison("malformed")


def test_another_fleet_is_poison() -> None:
    assert decoded({"bot": "team-b/bot-1"}, stream_of("team-b/bot-1")) == Poison("other_fleet")
    assert decoded({"bot": "team-a2/bot-1"}, stream_of("team-a2/bot-1")) == Poison("other_fleet")


def test_another_stream_would_break_the_order_of_the_bot() -> None:
    assert decoded({}, stream_of(BOT) + 1) == Poison("wrong_stream")


@pytest.mark.parametrize(
    "to", ["df:in:3", "df:out:team-b:me", "df:out:team-a:", "df:out:team-a:" + "x" * 160]
)
def test_a_reply_goes_only_to_a_stream_of_the_fleet(to: str) -> None:
    assert decoded({"reply_to": to}) == Poison("bad_reply_to")


def test_a_large_message_is_poison() -> None:
    assert decoded({}, size=MESSAGE_BYTES_MAX + 1) == Poison("too_large")


def test_bytes_that_are_no_text_are_poison() -> None:
    fields = {name: value.encode() for name, value in GOOD.items()} | {"bot": b"team-a/\xff"}
    assert Decoder("team-a", "df:").decode(Delivery("1-0", 0, fields)) == Poison("malformed")


def test_a_reply_has_only_the_fields_that_say_something() -> None:
    command = decoded({})
    assert isinstance(command, Command)
    assert encode(command, "ok", episode=3, turn=15, text="e3 t15 | ...") == {
        "id": "r1", "bot": BOT, "status": "ok", "episode": "3", "turn": "15", "text": "e3 t15 | ...",
    }  # fmt: skip
    assert encode(command, "error", code="unknown_bot") == {
        "id": "r1", "bot": BOT, "status": "error", "code": "unknown_bot",
    }  # fmt: skip
