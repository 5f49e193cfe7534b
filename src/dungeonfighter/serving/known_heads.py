"""Known heads: request heads that were parsed once, so that equal heads need no parser.

A client sends the same head with every request, except for the length of the body and, behind a balancer that
shares connections, the name of the bot. A known head consists of the bytes around those two values.

Source: RFC 9112, sections 2.2 and 6.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from dungeonfighter import limits
from dungeonfighter.mcp.wire import BOT_HEADER

BODY_BYTES_MAX: Final = 8192
UNUSED_HEADS_MAX: Final = 4
"""A connection stops learning heads after this many that it did not reuse."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([^\r\n]*)", re.IGNORECASE)
_BOT: Final = re.compile(rb"\r\n%b:[ \t]*([^\r\n]*)" % BOT_HEADER, re.IGNORECASE)
"""Both patterns include the blanks behind a value: to exclude them would take time quadratic in their
number."""
_is_plain: Final = re.compile(rb"[A-Za-z0-9._-]+").fullmatch
_LENGTH_DIGITS_MAX: Final = 4
_VALUE_BYTES_MAX: Final = limits.bot_id_chars_max + 1
_HEADS_MAX: Final = 1024
_HEAD_BYTES_MAX: Final = 4096
"""Longer heads are parsed each time: the table of known heads would take 32 MB with them."""


class Head(NamedTuple):
    """The bytes of a head around the values that differ between requests.

    The values are the length of the body and the bot; `between` is empty if the head does not name the bot.
    """

    before: bytes
    between: bytes
    after: bytes
    is_length_first: bool

    def read(self, data: bytes) -> tuple[bytes, bytes | None] | None:
        """Return the body and the bot of one whole small request with this head; None for other bytes."""
        before, between, after, is_length_first = self
        if not data.startswith(before):
            return None
        begin = len(before)
        end = data.find(b"\r", begin, begin + _VALUE_BYTES_MAX)
        length, bot = data[begin:end], None
        if between:
            if not data.startswith(between, end):
                return None
            begin = end + len(between)
            end = data.find(b"\r", begin, begin + _VALUE_BYTES_MAX)
            bot = data[begin:end]
            if not is_length_first:
                length, bot = bot, length
            if not _is_plain(bot):
                return None
        if end < 0 or not data.startswith(after, end):
            return None
        body = data[end + len(after) :]
        if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX or int(length) != len(body):
            return None
        return body, bot


_heads: dict[Head, Head] = {}
"""Connections with equal heads share one object."""


def learn(request: bytes, body: bytes) -> Head | None:
    """Return the known head of a whole valid request; None if requests with its head need the parser."""
    head = request[: len(request) - len(body)]
    if not request.endswith(body) or head.find(b"\r\n\r\n") != len(head) - 4:
        return None
    if len(body) > BODY_BYTES_MAX or len(head) > _HEAD_BYTES_MAX:
        return None
    lengths, bots = list(_LENGTH.finditer(head)), list(_BOT.finditer(head))
    if len(lengths) != 1 or len(bots) > 1:
        return None
    first, last = _span(lengths[0])
    length, is_length_first = head[first:last], True
    if not length.isdigit() or len(length) > _LENGTH_DIGITS_MAX or int(length) != len(body):
        return None
    between = b""
    if bots:
        begin, end = _span(bots[0])
        is_length_first = last < begin
        if is_length_first:
            between, last = head[last:begin], end
        else:
            between, first = head[end:first], begin
    known = Head(head[:first], between, head[last:], is_length_first)
    if len(_heads) >= _HEADS_MAX:
        _heads.clear()
    return _heads.setdefault(known, known)


def _span(found: re.Match[bytes]) -> tuple[int, int]:
    """Return begin and end of the value, without the blanks after it."""
    begin = found.start(1)
    return begin, begin + len(found[1].rstrip(b" \t"))
