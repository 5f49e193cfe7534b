"""Unnumbered calls whose answers did not reach the client, so that a blind retry is recognised.

Many clients repeat a failed call with a new request id and without `turn`. When the connection of an
unnumbered call (a `Claim`) is lost before its answer has arrived, the claim is noted here. The next identical
unnumbered call of the bot gets the operation id of the lost call (`requests.Retry`), so that both together
have one effect, wherever they are executed and in whatever order.

A note is only a hint: the row decides, because the operation must be the last one of the game. The workers of
a server exchange their notes (`serving.shared_losses`); replicas do not.

Source: docs/tools.md, "Repeating a call safely"; docs/decisions/025-lost-answers.md.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.hosting.requests import Request, Retry

_DIGEST_BYTES: Final = 16


class Loss(Struct, frozen=True):
    """A lost call, or the news that the next call of its bot has come (`op` is empty)."""

    key: str
    call: str = ""
    op: bytes = b""


class _Note(NamedTuple):
    call: str
    op: bytes
    until_seconds: float


class LostAnswers:
    """The lost calls of the last `limits.lost_answer_seconds`, at most one of each bot.

    Args:
        now: The time in seconds, which never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._notes: OrderedDict[str, _Note] = OrderedDict()
        self.publish: Callable[[Loss], None] | None = None
        """Receives every change, for the other workers of this server; None where there are none."""

    def __len__(self) -> int:
        return len(self._notes)

    def claim(self, key: str, call: str, request: Request, delivery: Delivery) -> Request:
        """Return the request to execute for an unnumbered call: a retry, if its last answer was lost.

        Args:
            key: `<fleet>/<botId>`.
            call: Equal for identical calls of one bot.
            request: The request of this call, with an operation id of its own.
            delivery: The way of its answer.
        """
        if len(call) > 2 * _DIGEST_BYTES:
            call = hashlib.blake2b(call.encode(), digest_size=_DIGEST_BYTES).hexdigest()
        note = self._notes.pop(key, None)
        if note is not None:
            self._tell(Loss(key))
            if note.call == call and self._now() < note.until_seconds:
                request = Retry(request, note.op)
        delivery.add(Claim(self, key, call, request))
        return request

    def note(self, loss: Loss) -> None:
        """Note a loss of this process."""
        self.learn([loss])
        self._tell(loss)

    def learn(self, losses: Iterable[Loss]) -> None:
        """Note what another worker has published."""
        now, notes = self._now(), self._notes
        for loss in losses:
            notes.pop(loss.key, None)
            if loss.op:
                notes[loss.key] = _Note(loss.call, loss.op, now + limits.lost_answer_seconds)
        while notes:
            oldest = next(iter(notes))
            if len(notes) <= limits.lost_answers_max and notes[oldest].until_seconds > now:
                break
            del notes[oldest]

    def _tell(self, loss: Loss) -> None:
        if self.publish is not None:
            self.publish(loss)


class Claim(NamedTuple):
    """An unnumbered call whose answer is under way."""

    lost_answers: LostAnswers
    key: str
    call: str
    request: Request

    def note_loss(self) -> None:
        """Record that the answer did not arrive."""
        self.lost_answers.note(Loss(self.key, self.call, self.request.op))


class Delivery:
    """The way of one answer to its client; the entry point of the call makes it, and knows its end.

    Attributes:
        claims: The unnumbered calls that the answer belongs to.
        is_lost: The client is gone; the answer cannot arrive any more.
        is_forwarded: A proxy sent the request, and receives the answer.
    """

    __slots__ = ("claims", "is_forwarded", "is_lost")

    def __init__(self) -> None:
        self.claims: list[Claim] = _NO_CLAIMS
        self.is_lost = False
        self.is_forwarded = False

    def add(self, claim: Claim) -> None:
        """Record a call; note its loss at once if the client is gone."""
        if self.is_lost:
            claim.note_loss()
        elif self.claims is _NO_CLAIMS:
            self.claims = [claim]
        else:
            self.claims.append(claim)

    def take_claims(self) -> list[Claim]:
        """Return the claims, and forget them."""
        claims, self.claims = self.claims, _NO_CLAIMS
        return claims

    def lose(self) -> None:
        """Note that the client is gone before its answer was handed over."""
        self.is_lost = True
        for claim in self.take_claims():
            claim.note_loss()


_NO_CLAIMS: Final[list[Claim]] = []
