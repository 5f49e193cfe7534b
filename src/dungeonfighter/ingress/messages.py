"""The messages of the ingress: what a producer sends, what it gets, and which messages are poison.

A message is a set of fields, each a short text; fields of other names are ignored. `Decoder` looks only at
the message itself. Whatever depends on the game (an illegal input, a stale turn, an unknown bot) is an error
reply of the host, no poison.

Source: docs/ingress.md, "Messages".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.ingress.partitions import stream_of
from dungeonfighter.ingress.ports import Delivery

MESSAGE_BYTES_MAX: Final = 8192
"""The sum of all names and values of a message."""
DEAD_LETTER_BYTES_MAX: Final = 4096
"""The part of a message that its dead letter keeps."""
ID_CHARS_MAX: Final = 64
REPLY_TO_CHARS_MAX: Final = 160
_NUMBER_DIGITS_MAX: Final = 15

ViewName = Literal["text", "json", "none"]
_VIEWS: Final = frozenset(("text", "json", "none"))

Reason = Literal[
    "too_large", "missing_field", "malformed", "other_fleet", "wrong_stream", "bad_reply_to",
    "too_many_deliveries", "vanished", "internal",
]  # fmt: skip
REASONS: Final[tuple[Reason, ...]] = (
    "too_large", "missing_field", "malformed", "other_fleet", "wrong_stream", "bad_reply_to",
    "too_many_deliveries", "vanished", "internal",
)  # fmt: skip
"""Why a message is a dead letter. `vanished`: its body was gone, because somebody trimmed the stream.
`internal`: the server failed at this message; the log has the traceback."""


class Command(Struct, frozen=True, gc=False):
    """A message that the host can play.

    Attributes:
        id: The producer's own name of the request.
        bot: The key of the bot, `<fleet>/<botId>`.
        episode: The run that the producer sees; for a start, the run to begin.
        turn: The turn that the producer sees; 0 for a start.
        input: The input; "" for a start.
        start: The options of a new run as JSON; None for an input.
        view: The form of the game in the reply.
        reply_to: The producer's own stream; "" for the common one.
    """

    id: str
    bot: str
    episode: int
    turn: int
    input: str
    start: str | None = None
    view: ViewName = "text"
    reply_to: str = ""


class Poison(Struct, frozen=True):
    """A message that cannot be played, whoever repeats it."""

    reason: Reason


def reply_prefix(prefix: str, fleet: str) -> str:
    """Return the beginning of the names of a fleet's own streams for replies.

    Args:
        prefix: The prefix of the queue, such as `df:`.
        fleet: The fleet.
    """
    return f"{prefix}out:{fleet}:"


class Decoder:
    """Decodes the messages of one fleet.

    Args:
        fleet: The fleet of the ingress.
        prefix: The prefix of the queue.
    """

    def __init__(self, fleet: str, prefix: str) -> None:
        self._bots = f"{fleet}/"
        self._replies = reply_prefix(prefix, fleet)

    def decode(self, delivery: Delivery) -> Command | Poison:
        """Return the command in a message, or the reason why there is none."""
        if not delivery.fields:
            return Poison("vanished")
        if delivery.size > MESSAGE_BYTES_MAX:
            return Poison("too_large")
        try:
            fields = {name: value.decode("ascii") for name, value in delivery.fields.items()}
        except UnicodeDecodeError:
            fields = _as_text(delivery.fields)
        return self._judge(fields, delivery.stream)

    def _judge(self, fields: Mapping[str, str], stream: int) -> Command | Poison:
        get = fields.get
        name, bot, episode, turn = get("id"), get("bot"), get("episode"), get("turn")
        played, start, view, reply_to = get("input"), get("start"), get("view", "text"), get("reply_to", "")
        if start is not None and turn is None:
            turn = "0"
        if (
            name is None
            or bot is None
            or episode is None
            or turn is None
            or (played is None and start is None)
        ):
            return Poison("missing_field")
        if (played is not None and start is not None) or view not in _VIEWS or not _is_name(name):
            return Poison("malformed")
        if not (_is_number(episode) and _is_number(turn)):
            return Poison("malformed")
        if (reason := self._fault_of(bot, stream)) is not None:
            return Poison(reason)
        if reply_to and not self._may_reply_to(reply_to):
            return Poison("bad_reply_to")
        return Command(
            name, bot, int(episode), int(turn), played or "", start, cast(ViewName, view), reply_to
        )  # fmt: skip

    def _fault_of(self, bot: str, stream: int) -> Reason | None:
        if not bot.startswith(self._bots):
            return "other_fleet" if "/" in bot else "malformed"
        if not limits.is_bot_id(bot[len(self._bots) :]):
            return "malformed"
        return None if stream_of(bot) == stream else "wrong_stream"

    def _may_reply_to(self, name: str) -> bool:
        """Return True if a stream belongs to the fleet, so that a reply cannot harm another key."""
        return (
            len(self._replies) < len(name) <= REPLY_TO_CHARS_MAX
            and name.startswith(self._replies)
            and name.isascii()
            and name.isprintable()
        )


def _as_text(fields: Mapping[str, bytes]) -> dict[str, str]:
    """Decode fields of which some are not ASCII; only `start` and `input` may be."""
    return {
        name: value.decode("utf-8" if name in ("start", "input") else "ascii", "replace")
        for name, value in fields.items()
    }


def _is_name(text: str) -> bool:
    return 0 < len(text) <= ID_CHARS_MAX and text.isascii() and text.isprintable()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX


def encode(
    command: Command, status: str, *, code: str = "", episode: int | None = None, turn: int | None = None,
    text: str = "", json: str = "", is_over: bool = False,
) -> dict[str, str]:  # fmt: skip
    """Return the fields of a reply.

    Args:
        command: The message.
        status: `ok`, `repeated` (applied before, and the text is the present game) or `error`.
        code: The code of the error.
        episode, turn: The run and the turn of the game now; None if there is no game.
        text: The view of the game, or the error and the view; left out where it is empty.
        json: The snapshot of the game; left out where it is empty.
        is_over: The run is over.
    """
    fields = {"id": command.id, "bot": command.bot, "status": status}
    if code:
        fields["code"] = code
    if episode is not None and turn is not None:
        fields["episode"] = str(episode)
        fields["turn"] = str(turn)
    if is_over:
        fields["over"] = "1"
    if text:
        fields["text"] = text
    if json:
        fields["json"] = json
    return fields
