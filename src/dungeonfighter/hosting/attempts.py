"""A request that waits for its answer: its responder, its deadline and its attempts.

A request may need several attempts: after a conflict the host plans it again, and after an unknown outcome
the host first settles whether the attempt won. All attempts of a request carry the same operation id.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct

from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.ports import Row, Write
from dungeonfighter.hosting.requests import Planned, Request, RunBegin

Tag_contra = TypeVar("Tag_contra", contravariant=True)

_NO_ATTEMPTS: Final[dict[int, Attempt]] = {}
_NO_VERSIONS: Final[frozenset[int]] = frozenset()


class Responder(Protocol[Tag_contra]):
    """Receives the answers to requests; the tag of a request shows to which one an answer belongs."""

    def render(self, tag: Tag_contra, answer: Answer) -> Any:
        """Return an answer in the form in which `deliver` receives it later.

        The host calls this method once for each plan of the request, while the new state is in memory. The
        method must not change the answer or the game.
        """

    def deliver(self, tag: Tag_contra, rendered: Any) -> None:
        """Receive the result of `render`, or the `Exception` that ended the request.

        The host calls this method once, in the event loop, after the commit. The method must not raise. The
        client may have disconnected.
        """


class Attempt(Struct, gc=False):
    """One write that a request sends to the store.

    Attributes:
        write: The write.
        rendered: The answer, which the responder rendered before the commit, so that the state can be freed.
        applied: The number of inputs that the write applies; 1 for a new run.
        begun: The run that the write begins.
    """

    write: Write
    rendered: Any
    applied: int
    begun: RunBegin | None = None


class Pending:
    """One request that waits for its answer.

    Attributes:
        request: The request.
        deadline: The moment, in the clock's seconds, until which the request may wait for the store.
        responder, tag: The recipient of the answer, and the tag that it gets with the answer.
        last: The last attempt; None before the first.
        earlier: The attempts before the last one, by the version that each tried to write.
        unknown: The versions of the attempts whose outcome is unknown.
        is_from_memory: The only attempt was planned from a row in memory, and the request is not replayable.
            The row may have been old, so a conflict need not mean that another request came first.
        read_seconds, commit_seconds: The time that the request waited for the store; measured on the slow
            way only, and for a request that is logged.
    """

    # Class attributes instead of assignments: most requests need one attempt, and each assignment costs.
    last: Attempt | None = None
    earlier: dict[int, Attempt] = _NO_ATTEMPTS
    unknown: frozenset[int] = _NO_VERSIONS
    is_from_memory: bool = False
    read_seconds: float = 0.0
    commit_seconds: float = 0.0

    def __init__(self, request: Request, deadline: float, responder: Responder[Any], tag: Any) -> None:
        self.request = request
        self.deadline = deadline
        self.responder = responder
        self.tag = tag

    def begin_attempt(self, plan: Planned) -> Attempt:
        """Render the answer, and record the attempt before its write is sent."""
        answer = plan.answer
        attempt = Attempt(plan.write, self.responder.render(self.tag, answer), answer.applied, plan.begun)
        if self.last is not None:
            self.earlier = {**self.earlier, self.last.write.row.version: self.last}
        self.last = attempt
        return attempt

    def attempt_of(self, version: int) -> Attempt | None:
        """Return the last attempt to write this version."""
        last = self.last
        if last is not None and last.write.row.version == version:
            return last
        return self.earlier.get(version)

    def mark_unknown(self) -> None:
        """Record that the outcome of the last attempt is unknown."""
        assert self.last is not None
        self.unknown |= {self.last.write.row.version}

    def was_planned_from(self, row: Row) -> bool:
        """Return True if the last attempt was planned from this very row: no other request came first."""
        assert self.last is not None
        write = self.last.write
        return (write.from_version, write.from_digest, write.from_tail) == (row.version, row.digest, row.tail)
