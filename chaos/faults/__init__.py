"""The faults of scenarios, by name: each module of this folder has a list `FAULTS` of its classes."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from chaos.faults.fault import Fault


def _found() -> dict[str, type[Fault]]:
    modules = [importlib.import_module(f"{__name__}.{one.name}") for one in pkgutil.iter_modules(__path__)]
    classes: list[type[Fault]] = [one for module in modules for one in getattr(module, "FAULTS", ())]
    return {one.name: one for one in sorted(classes, key=lambda one: one.name)}


FAULTS: Final = _found()
