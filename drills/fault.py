"""The contract of a drill: a module of `drills/faults` has one class `Fault` that keeps it."""

from __future__ import annotations

import importlib
import pkgutil
from typing import ClassVar, Final

from drills import faults
from drills.stage import Stage

RANDOM: Final = "random"
"""In place of a name: one of all faults that can be staged here, without its name."""


class Fault:
    """Stages one fault, and knows when it is repaired.

    Attributes:
        summary: One sentence for the list of drills; it may give the cause away.
        alert: The alert that wakes the operator, a heading of docs/runbook.md.
        severity: `page` or `ticket`.
        message: The text of the alert.
        hint: What differs here from a real machine, for the operator; empty if nobody would stumble.
        mounts: The drill mounts a file system.
        first_log: The name of the service whose log the variable LOG leads to.
        variables: What the commands of the runbook need besides SERVER, DB and LOG.
        server: The address of the server that the alert is about; `prepare` sets it.
        database: The connection string of the database; `prepare` sets it.
    """

    summary: ClassVar[str]
    alert: ClassVar[str]
    severity: ClassVar[str]
    message: ClassVar[str]
    hint: ClassVar[str] = ""
    mounts: ClassVar[bool] = False
    first_log: ClassVar[str] = "server-1"
    server: str
    database: str

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.variables: dict[str, str] = {}

    @staticmethod
    def obstacle() -> str:
        """Return the reason why the drill cannot be staged here; empty if it can."""
        return ""

    def prepare(self) -> str:
        """Start all that the bots need, in a thread; return the address to play at."""
        raise NotImplementedError

    def strike(self) -> None:
        """Cause the fault, in a thread, while the bots play."""
        raise NotImplementedError

    def wrong(self) -> list[str]:
        """Return what is still wrong apart from the bots, each as a short sentence; called in a thread."""
        raise NotImplementedError

    def is_visible(self) -> bool:
        """Return True as soon as an operator would see the fault; called in a thread after `strike`."""
        return bool(self.wrong())


def names() -> list[str]:
    """Return the names of all drills, in alphabetical order."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(faults.__path__))


def fault_class(name: str) -> type[Fault]:
    """Return the class of one drill.

    Raises:
        KeyError: There is no drill of this name.
    """
    if name not in names():
        raise KeyError(name)
    found: type[Fault] = importlib.import_module(f"drills.faults.{name.replace('-', '_')}").Fault
    return found
