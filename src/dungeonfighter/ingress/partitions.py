"""The stream of a bot: all messages of one bot are in one stream, so that they keep their order.

Source: docs/ingress.md, "Streams", which has test vectors.
"""

from __future__ import annotations

import zlib
from typing import Final

STREAMS: Final = 16
"""The number of streams; producers and consumers must agree, so it is no setting."""


def stream_of(bot: str) -> int:
    """Return the number of the stream, from 0, of the messages of a bot: CRC-32 of its key modulo 16.

    Args:
        bot: `<fleet>/<botId>`.
    """
    return zlib.crc32(bot.encode()) % STREAMS
