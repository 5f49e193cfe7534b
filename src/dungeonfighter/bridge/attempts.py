"""The attempts of one message: repeats it until there is an answer, or the patience is used up.

A message is repeated after it was sent only if copies of it have one effect. All attempts are the same bytes.
A repeat takes a new connection.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from dungeonfighter import __version__
from dungeonfighter.bridge import answers
from dungeonfighter.bridge.answers import NOT_ALLOWED, OUTCOME_UNKNOWN, UNREACHABLE, Answer
from dungeonfighter.bridge.link import Reply, Unanswered, Unsent
from dungeonfighter.bridge.messages import Message
from dungeonfighter.bridge.target import Target

FIRST_PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 2.0
_REFUSALS: Final = frozenset({429, 503})
_PACED: Final = "limits the calls a second (HTTP 429)"
_NO_GATEWAY: Final = frozenset({501, 505})
"""Statuses with which a web server says that it does not serve such requests at all."""
_DAMAGED: Final = "sent a damaged answer"
_PASSING: Final = frozenset({"store_unavailable", "outcome_unknown"})
"""Codes of tool errors after which the same numbered call may be repeated."""


class Poster(Protocol):
    """The part of `link.Link` that attempts need."""

    async def post(
        self, url: str, headers: Mapping[str, str], body: bytes, seconds: float, until: float, *,
        fresh: bool = False,
    ) -> Reply: ...  # fmt: skip


class Credentials(Protocol):
    """The access token of a bridge."""

    @property
    def token(self) -> str:
        """The token; empty without one."""

    def renew(self) -> bool:
        """Read the token again; return True if it is another one."""

    @property
    def remedy(self) -> str:
        """The way to another token, for the user."""


class Limits(Struct, frozen=True):
    """The patience of a bridge.

    Attributes:
        patience_seconds: The longest time from the arrival of a message until its answer.
        answer_seconds: The longest time of one attempt.
        first_answer_seconds: The same for the first attempt of a small message that may be repeated: its
            connection may have died without a sign.
    """

    patience_seconds: float = 30.0
    answer_seconds: float = 15.0
    first_answer_seconds: float = 5.0


class Outcome(Struct, frozen=True):
    """The end of all attempts.

    Attributes:
        line: The answer for the client.
        answer: The server's own answer, if the line is that.
        code, said: Otherwise the failure.
        may_have_happened: The call may have had its effect, or may still have it.
        is_refusal: The server refuses the token.
    """

    line: bytes
    answer: Answer | None = None
    code: str = ""
    said: str = ""
    may_have_happened: bool = False
    is_refusal: bool = False


class Sending(Struct, frozen=True):
    """A message that is to be sent.

    Attributes:
        message: The message.
        headers: Its MCP headers.
        until: The end of the patience, in the time of the event loop.
        changes: The message may change something.
        may_repeat: Copies of the message have one effect.
        is_small: The server answers it at once, unless something is wrong.
    """

    message: Message
    headers: Mapping[str, str]
    until: float
    changes: bool = False
    may_repeat: bool = True
    is_small: bool = True


class Attempts:
    """Sends messages to one server.

    Args:
        target: The server.
        poster: Its connections.
        credentials: The token.
        limits: The patience.
        note: Takes one line for the user: a trouble, or its end.
    """

    def __init__(
        self, target: Target, poster: Poster, credentials: Credentials, limits: Limits,
        note: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._target = target
        self._poster = poster
        self._credentials = credentials
        self.limits = limits
        self._note = note
        self._is_troubled = False
        self._is_refused = False
        self._has_noted_pace = False

    async def carry_out(self, sending: Sending) -> Outcome:
        """Send a message until it is answered, or the patience is used up."""
        outcome = await _Run(self, sending).until_answered()
        if outcome.is_refusal:
            self._refusal()
        elif outcome.answer is not None and (self._is_troubled or self._is_refused):
            self._is_troubled = self._is_refused = False
            self._note(f"{self._target.origin} answers again")
        return outcome

    async def post_once(
        self, message: Message, headers: Mapping[str, str], seconds: float, until: float, *,
        fresh: bool = False,
    ) -> Reply:  # fmt: skip
        """Send a message once; see `Link.post`."""
        token = self._credentials.token
        own = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "User-Agent": f"dungeonfighter-connect/{__version__}",
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **headers,
        }
        return await self._poster.post(self._target.url, own, message.line, seconds, until, fresh=fresh)

    def trouble(self, what: str) -> None:
        """Tell the user, once until an answer comes; of a limit on calls a second once for all."""
        if what == _PACED:
            if not self._has_noted_pace:
                self._has_noted_pace = True
                self._note(f"{self._target.origin}: {what}; calls wait for their time, here and later")
        elif not self._is_troubled:
            self._is_troubled = True
            self._note(f"{self._target.origin}: {what}; trying again")

    def _refusal(self) -> None:
        """Tell the user that the token is refused, once until another answer comes."""
        if not self._is_refused:
            self._is_refused = True
            self._note(f"{self._target.origin}: refuses the token (HTTP 401); {self._credentials.remedy}")

    @property
    def target(self) -> Target:
        return self._target

    @property
    def credentials(self) -> Credentials:
        return self._credentials


class _Run:
    """The attempts of one message."""

    def __init__(self, attempts: Attempts, sending: Sending) -> None:
        self._attempts = attempts
        self._sending = sending
        self._message = sending.message
        self._may_repeat = sending.may_repeat
        self._loop = asyncio.get_running_loop()
        self._sent = False
        """True after an attempt that may have had its effect, and whose answer is missing."""
        self._pause = 0.0
        self._has_renewed = False
        self._last: Outcome | None = None
        """The server's own answer to the last attempt, if it asks for another one later."""

    async def until_answered(self) -> Outcome:
        number = 0
        while True:
            try:
                reply = await self._attempts.post_once(
                    self._message,
                    self._sending.headers,
                    self._seconds(number),
                    self._sending.until,
                    fresh=number > 0,
                )
            except Unsent as error:
                self._last = None
                trouble = f"cannot be reached: {error}"
                if error.is_final:
                    return self._given_up(trouble)
            except Unanswered as error:
                self._last, self._sent = None, True
                trouble = f"does not answer: {error}"
                if not self._may_repeat:
                    return self._given_up(trouble)
            else:
                judged = self._judge(reply)
                if isinstance(judged, Outcome):
                    return judged
                trouble = judged
            number += 1
            self._attempts.trouble(trouble)
            if not await self._wait():
                return self._last_words(trouble)

    def _seconds(self, number: int) -> float:
        limits = self._attempts.limits
        is_quick = number == 0 and self._sending.is_small and self._may_repeat
        return limits.first_answer_seconds if is_quick else limits.answer_seconds

    async def _wait(self) -> bool:
        """Pause before the next attempt; return False if that would be too late."""
        pause = self._pause * (1 + random.random() / 4)
        if self._loop.time() + pause >= self._sending.until:
            return False
        self._pause = min(PAUSE_SECONDS_MAX, max(FIRST_PAUSE_SECONDS, self._pause * 2))
        await asyncio.sleep(pause)
        return True

    def _last_words(self, trouble: str) -> Outcome:
        """Return the outcome when the patience is used up: the server's own words if they tell enough."""
        last = self._last
        if last is None or (self._sent and last.answer and last.answer.tool_code != OUTCOME_UNKNOWN):
            return self._given_up(trouble)
        return last

    def _judge(self, reply: Reply) -> Outcome | str:
        """Return the outcome; or the trouble, if another attempt may end better."""
        self._last = None
        answer = answers.read_answer(reply)
        if answer is None or not self._is_ours(answer):
            return self._judge_foreign(reply)
        if reply.status == 404 and (answer.error or {}).get("code") == answers.INVALID_REQUEST:
            return self._no_mcp_address(reply, str((answer.error or {}).get("message", "")))
        outcome = self._passed_on(reply, answer)
        if reply.status == 401:
            return self._refused(answer)
        if reply.status in _REFUSALS:
            self._last = outcome
            self._pause = max(self._pause, _retry_after(reply, answer))
            is_paced = answer.refusal.get("code") == "rate_limited"
            return _PACED if is_paced else f"refuses calls for now (HTTP {reply.status})"
        if answer.tool_code in _PASSING and self._may_repeat:
            self._last = outcome
            self._sent = self._sent or answer.tool_code == OUTCOME_UNKNOWN
            return f"answers {answer.tool_code}"
        return outcome

    def _is_ours(self, answer: Answer) -> bool:
        """Return False for an answer to another request; that of an error may be missing."""
        return answer.id == self._message.id or (answer.id is None and answer.error is not None)

    def _passed_on(self, reply: Reply, answer: Answer) -> Outcome:
        line = answers.passed_on(reply, answer, self._message.id)
        is_unclear = reply.status == 500 or answer.tool_code == OUTCOME_UNKNOWN
        is_vain = self._sent and (reply.status != 200 or answer.tool_code in _PASSING)
        return Outcome(line, answer, may_have_happened=is_unclear or is_vain)

    def _judge_foreign(self, reply: Reply) -> Outcome | str:
        """Judge a reply that is no answer of the server: a proxy's, a web page, half of an answer."""
        status, origin = reply.status, self._attempts.target.origin
        if status in _REFUSALS or (status >= 500 and status not in _NO_GATEWAY):
            # With 502 or 504 a proxy did not get the answer of the server behind it.
            self._sent = self._sent or status not in _REFUSALS or not self._may_repeat
            if not self._may_repeat:
                return self._given_up(f"cannot be reached: a proxy answers HTTP {status}")
            self._pause = max(self._pause, _retry_after(reply, None))
            return f"cannot be reached: a proxy answers HTTP {status}"
        if status in {401, 403, 407}:
            return self._given_up_with(
                NOT_ALLOWED,
                f"{origin} refuses the access (HTTP {status}); {self._attempts.credentials.remedy}",
            )
        if status == 200 and reply.media_type == "application/json":
            self._sent = True
            return _DAMAGED if self._may_repeat else self._given_up(_DAMAGED)
        return self._no_mcp_address(reply)

    def _no_mcp_address(self, reply: Reply, said: str = "") -> Outcome:
        """Return the failure of a wrong address; `said` is the text of a server of this game."""
        place = f" to {reply.headers['location'][:200]}" if "location" in reply.headers else ""
        form = said or reply.media_type or "without a content type"
        what = f"HTTP {reply.status}{place}, {form}"
        return self._given_up_with(
            UNREACHABLE, f"{self._attempts.target.url} is not the MCP address of a server of this game "
            f"({what}); nothing was applied: check the URL of the bridge",
        )  # fmt: skip

    def _refused(self, answer: Answer) -> Outcome | str:
        """Try another token once; otherwise add the remedy to the server's words."""
        credentials = self._attempts.credentials
        if not self._has_renewed and credentials.renew():
            self._has_renewed = True
            self._pause = 0.0
            return "refuses the token, and another one is there"
        line = answers.extended(answer, self._message.id, credentials.remedy)
        return Outcome(line, answer, may_have_happened=self._sent, is_refusal=True)

    def _given_up(self, trouble: str) -> Outcome:
        origin = self._attempts.target.origin
        if not self._sending.changes:
            return self._given_up_with(
                UNREACHABLE, f"{origin} {trouble}; nothing was applied: call again later"
            )
        if not self._sent:
            said = (
                f"{origin} {trouble}; nothing was applied: check the address and the server, then call again"
            )
            return self._given_up_with(UNREACHABLE, said)
        next_step = (
            "call the same again, which is applied once, or read the game"
            if self._may_repeat
            else "read the game before you go on"
        )
        said = f"{origin} {trouble}; the call may or may not have been applied: {next_step}"
        return self._given_up_with(OUTCOME_UNKNOWN, said)

    def _given_up_with(self, code: str, said: str) -> Outcome:
        line = answers.failure(self._message, code, said)
        return Outcome(line, None, code, said, may_have_happened=self._sent and self._sending.changes)


def _retry_after(reply: Reply, answer: Answer | None) -> float:
    """Return the seconds that the server or a proxy asks to wait; 0 if neither says."""
    asked = answer.refusal.get("retryAfterSeconds") if answer is not None else None
    if isinstance(asked, int | float) and not isinstance(asked, bool) and asked >= 0:
        return float(asked)
    text = reply.headers.get("retry-after", "").strip()
    return float(text) if text.isdigit() and len(text) <= 6 else 0.0
