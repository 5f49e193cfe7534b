"""A request on its way to its answer: who is answered, until when, and what was tried.

A request may be tried several times: after a conflict it is planned again, and after an unknown outcome the
store settles first whether the attempt had won. All attempts of a request carry the same operation id.
"""

from __future__ import annotations

from typing import Any, Final, Protocol, TypeVar

from msgspec import Struct

from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.ports import Row, Write
from dungeonfighter.hosting.requests import Planned, Request

Tag_contra = TypeVar("Tag_contra", contravariant=True)

_NO_ATTEMPTS: Final[dict[int, Attempt]] = {}
_NO_VERSIONS: Final[frozenset[int]] = frozenset()


class Responder(Protocol[Tag_contra]):
    """Takes the answers to requests. The tag that came with a request says which of them an answer is for."""

    def render(self, tag: Tag_contra, answer: Answer) -> Any:
        """Make of an answer what `deliver` will be given.

        The host calls it while the new state is at hand: when an attempt is planned, and again when it is
        planned anew. It must change nothing.
        """

    def deliver(self, tag: Tag_contra, rendered: Any) -> None:
        """Take what `render` returned, or the `Exception` that the request ended in.

        The host calls it once, in the event loop, after the commit. It must not raise. The caller behind it
        may be gone.
        """


class Attempt(Struct, gc=False):
    """A write on its way.

    Attributes:
        write: The write.
        rendered: What the responder made of the answer, before the commit: the state is not kept for it.
        applied: How many inputs the write applies.
    """

    write: Write
    rendered: Any
    applied: int


class Pending:
    """One request that waits for its answer.

    Attributes:
        request: What is asked.
        deadline: The request may wait for the store until then, in the clock's seconds.
        responder, tag: Where the answer goes.
        last: The last attempt; None before the first.
        earlier: The attempts before it, by the version they tried to write.
        unknown: The versions of attempts of which nothing is known: neither won nor refused.
        is_from_memory: The only attempt started from a row in memory, and the request is not replayable. The
            row may have been old, so a conflict need not mean that another request came first.
    """

    # Class attributes instead of assignments: most requests need one attempt, and each assignment costs.
    last: Attempt | None = None
    earlier: dict[int, Attempt] = _NO_ATTEMPTS
    unknown: frozenset[int] = _NO_VERSIONS
    is_from_memory: bool = False

    def __init__(self, request: Request, deadline: float, responder: Responder[Any], tag: Any) -> None:
        self.request = request
        self.deadline = deadline
        self.responder = responder
        self.tag = tag

    def begin_attempt(self, plan: Planned) -> Attempt:
        """Render the answer, and record the attempt before its write is sent."""
        answer = plan.answer
        attempt = Attempt(plan.write, self.responder.render(self.tag, answer), answer.applied)
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
        """Record that nothing is known of the last attempt."""
        assert self.last is not None
        self.unknown |= {self.last.write.row.version}

    def was_planned_from(self, row: Row) -> bool:
        """Tell if the last attempt started from exactly this row: then no other request came first."""
        assert self.last is not None
        write = self.last.write
        return (write.from_version, write.from_digest, write.from_tail) == (row.version, row.digest, row.tail)
