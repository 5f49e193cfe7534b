"""The JSON of messages in RabbitMQ becomes fields, whatever somebody sends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dungeonfighter.ingress.messages import MESSAGE_BYTES_MAX, Command, Decoder
from dungeonfighter.ingress.ports import Delivery
from dungeonfighter.ingress.rabbitmq_messages import (
    Properties,
    body_of,
    deliveries_before,
    fields_of,
    properties_of,
)

WITH_ID = Properties(correlation_id="r1")


def test_fields_come_back_and_numbers_become_texts() -> None:
    fields = {"id": "r1", "bot": "local/hero", "input": "1 ä"}
    assert fields_of(body_of(fields), Properties()) == {name: one.encode() for name, one in fields.items()}
    assert fields_of(b'{"turn":14,"id":"x"}', WITH_ID) == {"turn": b"14", "id": b"x"}


def test_a_message_of_the_documentation_is_a_command() -> None:
    body = b'{"id":"r2","bot":"local/hero","episode":1,"turn":0,"input":"2"}'
    decoded = Decoder("local", "df:").decode(Delivery(None, 10, fields_of(body, Properties()), 1, len(body)))
    assert decoded == Command("r2", "local/hero", 1, 0, "2")


@pytest.mark.parametrize(
    "body",
    [b"", b"no json", b"[1]", b'{"id":null}', b'{"id":true}', b'{"id":["x"]}', b'{"a":1.5}', b"\xff{}",
     b"[" * 8000, b'{"a":"\xff"}', b"x" * (MESSAGE_BYTES_MAX + 1)],
)  # fmt: skip
def test_what_is_no_message_keeps_its_beginning_and_its_id(body: bytes) -> None:
    assert fields_of(body, WITH_ID) == {"id": b"r1", "body": body[:MESSAGE_BYTES_MAX]}
    assert fields_of(body, Properties()) == {"body": body[:MESSAGE_BYTES_MAX]}


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(max_size=80))
def test_any_body_gives_fields(body: bytes, name: str) -> None:
    fields = fields_of(body, Properties(correlation_id=name))
    assert all(isinstance(value, bytes) for value in fields.values())
    Decoder("local", "df:").decode(Delivery(None, 0, fields, 1, len(body)))


@pytest.mark.parametrize(
    ("headers", "count"),
    [(None, 0), ({}, 0), ({"x-delivery-count": 3}, 3), ({"x-delivery-count": "3"}, 0),
     ({"x-delivery-count": -1}, 0)],
)  # fmt: skip
def test_earlier_deliveries_are_those_of_the_header(headers: dict[str, object] | None, count: int) -> None:
    assert deliveries_before(Properties(headers=headers)) == count  # type: ignore[arg-type]


def test_persistence_and_the_id_are_properties() -> None:
    made = properties_of("r1", is_persistent=True, headers={"reason": "malformed"})
    assert (made.correlation_id, made.delivery_mode, made.message_id) == ("r1", 2, None)
    assert made.headers == {"reason": "malformed"}
    assert properties_of("r1", is_persistent=False).delivery_mode == 1
