"""The contract of a fault, and its options."""

from __future__ import annotations

import random
from typing import Annotated, ClassVar, Final

from msgspec import Meta, Struct

from chaos.stage import Stage

HOST_WORDS: Final = "database-[12]|redis|server-[123]|balancer|primary|standby|a-server|servers"
HostWord = Annotated[str, Meta(pattern=f"^({HOST_WORDS})$")]
"""A host by its name; `primary`, `standby`: at that moment; `a-server`: the seed draws it; `servers`: all."""
Seconds = Annotated[float, Meta(ge=0, le=120)]


class FaultError(RuntimeError):
    """A fault could not be staged, or had no effect; the text says which."""


class Options(Struct, forbid_unknown_fields=True, frozen=True, rename="kebab"):
    """The options of a fault in a scenario, without any."""


_Options = Options


class OnHosts(Options, frozen=True):
    """The options of a fault of some hosts."""

    on: Annotated[list[HostWord], Meta(min_length=1)]


class Fault:
    """Disturbs a stage from `begin` to `end`; all methods block and are called in one thread.

    The runner makes all faults of a scenario and calls `prepare` before the programs of the stage start.
    `begin` and `end` follow while bots play, `evidence` when they have stopped. After an interruption `end`
    is left out: the stage kills all its programs, and `leftovers` removes the rest.

    What outlives a killed run is put on `stage.leftovers` first.

    Args:
        stage: The hosts and what runs on them.
        options: An instance of `Options` of the same class.
        draws: Decides everything that is drawn.
    """

    name: ClassVar[str]
    """The name in scenarios, in kebab case."""
    Options: ClassVar[type[Options]] = Options

    def __init__(self, stage: Stage, options: _Options, draws: random.Random) -> None:
        self.stage = stage
        self.draws = draws

    @classmethod
    def obstacle(cls) -> str:
        """Return the reason why the fault cannot be staged on this machine; empty if it can."""
        return ""

    def prepare(self) -> None:
        """Put into the stage what must be there before its programs start; the hosts exist already."""

    def begin(self) -> None:
        """Stage the fault; return when it is there."""
        raise NotImplementedError

    def end(self) -> None:
        """Undo it; return when the store can be used. A second call has no effect."""
        raise NotImplementedError

    def evidence(self) -> str:
        """Return a measured fact which shows that the fault took effect; called after `end`.

        Raises:
            FaultError: It had no effect.
        """
        raise NotImplementedError
