"""The runs that a command may write, from files or from a database, and the reasons why some are left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path

from msgspec import Struct

from dungeonfighter.errors import BadArgument
from dungeonfighter.replays.replay import Replay
from dungeonfighter.trajectories.replay_files import read_replay


class Reason(Enum):
    """Why a run is left out; the value stands behind a number."""

    ranked = "live ranked"
    today = "with the seed of the day"
    pruned = "without kept inputs"
    rules = "under rules that this release does not have"
    damaged = "damaged"
    repeated = "given twice"

    @property
    def is_fault(self) -> bool:
        """The run should have been written, and could not be."""
        return self in {Reason.pruned, Reason.rules, Reason.damaged}


class Candidate(Struct, frozen=True):
    """A run that was asked for.

    Attributes:
        name: `<fleet>/<botId> e<episode>`, or the name of a file.
        fleet: The fleet of the bot; "" if the file does not name it.
        replay: The run; None if it is left out.
        reason, problem: Why it is left out, and a sentence about a fault.
        is_trusted: The run is from a database.
    """

    name: str
    fleet: str = ""
    replay: Replay | None = None
    reason: Reason | None = None
    problem: str = ""
    is_trusted: bool = False


class WrittenRun(Struct, frozen=True):
    """The last whole run of a file that is to be continued; `digest` is that of its last state."""

    fleet: str
    bot: str
    episode: int
    digest: str

    @property
    def name(self) -> str:
        return f"{self.fleet}/{self.bot} e{self.episode}" if self.fleet else f"{self.bot} e{self.episode}"


def from_files(paths: Sequence[Path], after: WrittenRun | None, episode: int | None) -> Iterator[Candidate]:
    """Yield the runs of files in their order; a run that an earlier file has counts as given twice.

    Args:
        paths: The files.
        after: The runs before this one, and this one, were written before.
        episode: Only runs of this number.

    Raises:
        BadArgument: No file has the run `after`.
    """
    seen: set[WrittenRun] = set()
    is_beyond = after is None
    for path in paths:
        try:
            replay = read_replay(path)
        except BadArgument as error:
            if is_beyond:
                yield Candidate(str(path), reason=Reason.damaged, problem=str(error))
            continue
        if episode is not None and replay.episode != episode:
            continue
        fleet = replay.proof.fleet if replay.proof is not None else ""
        written = WrittenRun(fleet, replay.bot, replay.episode, replay.result.digest)
        is_repeat = written in seen
        seen.add(written)
        if is_repeat and is_beyond:
            yield Candidate(str(path), reason=Reason.repeated)
        elif is_beyond:
            yield Candidate(str(path), fleet, replay)
        is_beyond = is_beyond or written == after
    if not is_beyond and after is not None:
        raise BadArgument(f"the file ends with the run {after.name}, which none of these replays is")
