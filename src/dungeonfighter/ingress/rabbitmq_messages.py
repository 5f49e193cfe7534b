"""The form of messages in RabbitMQ: the body is a JSON object with the names and values of `messages`.

A body is decoded only if it is short. The body of a longer one, and of one that is no such object, is the
field `body`, so it becomes a dead letter with its beginning.

Source: docs/ingress.md, "RabbitMQ".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from aiormq import spec

from dungeonfighter.ingress.messages import MESSAGE_BYTES_MAX

CONTENT_TYPE: Final = "application/json"
BODY: Final = "body"
"""The field of a message that is not readable."""
DELIVERY_COUNT: Final = "x-delivery-count"
"""The header with the number of earlier deliveries; the first delivery has none."""
_decode: Final = msgspec.json.Decoder(dict[str, str | int]).decode
_encode: Final = msgspec.json.Encoder().encode
_NAME_CHARS_MAX: Final = 64

Properties = spec.Basic.Properties


def fields_of(body: bytes, properties: Properties) -> dict[str, bytes]:
    """Return the fields of a message; numbers become texts.

    A message that is not readable has the fields `body`, cut, and `id` from the property `correlation_id`.
    """
    if len(body) <= MESSAGE_BYTES_MAX:
        try:
            return {name: str(value).encode() for name, value in _decode(body).items()}
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass
    name = properties.correlation_id
    known = {"id": str(name)[:_NAME_CHARS_MAX].encode("utf-8", "replace")} if name else {}
    return known | {BODY: body[:MESSAGE_BYTES_MAX]}


def deliveries_before(properties: Properties) -> int:
    """Return how often a message was delivered before; 0 if the header is missing or no number."""
    count = (properties.headers or {}).get(DELIVERY_COUNT)
    return count if isinstance(count, int) and count > 0 else 0


def body_of(fields: Mapping[str, str]) -> bytes:
    """Return the body of a message or a reply."""
    return _encode(fields)


def properties_of(
    name: str, *, is_persistent: bool, reply_to: str = "", headers: Mapping[str, Any] | None = None
) -> Properties:
    """Return the properties of a message or reply whose `id` is `name`.

    The property `message_id` stays free for the client library, which finds returned messages by it; two
    messages on their way with one id, a message and its repeat, would be taken for each other.
    """
    return spec.Basic.Properties(
        content_type=CONTENT_TYPE,
        correlation_id=name,
        delivery_mode=2 if is_persistent else 1,
        reply_to=reply_to or None,
        headers=dict(headers) if headers else None,
    )
