"""The tests of the checker of histories fail when a fault is planted in the checker.

Each test loads the checker and its tests anew in this process, with one module from a changed copy: a process
of its own for each fault would take most of its time for its start.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

from tests.mutants.checker_faults import CHECKER_FAULTS, CheckerFault
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.long

_RELOADED: Final = ("chaos.checker", "tests.unit.chaos_checker")


class Planted(importlib.abc.MetaPathFinder):
    """Finds one module in another file."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(fullname, self._path)


@contextmanager
def reloaded(*finders: Planted) -> Iterator[None]:
    """Let the checker and its tests be loaded anew within the block; put the former ones back after it."""

    def of_checker() -> list[str]:
        return [name for name in sys.modules if name.startswith(_RELOADED)]

    kept = {name: sys.modules.pop(name) for name in of_checker()}
    sys.meta_path[:0] = finders
    try:
        yield
    finally:
        del sys.meta_path[: len(finders)]
        for name in of_checker():
            del sys.modules[name]
        sys.modules.update(kept)


def run_test(name: str) -> None:
    """Run the test of a forgery, that of a seed, or one of true histories by its name."""
    true: Any = importlib.import_module("tests.unit.chaos_checker.test_true_histories")
    if name.isdecimal():
        true.test_a_kept_seed_holds(int(name))
        return
    if name.startswith("test_"):
        getattr(true, name)()
        return
    forged: Any = importlib.import_module("tests.unit.chaos_checker.test_forged_histories")
    ((kind, forge),) = [case.values for case in forged.CASES if case.id == name]
    forged.test_a_forgery_is_named_by_its_kind(kind, forge)


@pytest.mark.parametrize("name", sorted({fault.detected_by for fault in CHECKER_FAULTS.values()}))
def test_without_a_fault_the_test_passes(name: str) -> None:
    with reloaded():
        run_test(name)


@pytest.mark.parametrize("fault", CHECKER_FAULTS.values(), ids=CHECKER_FAULTS)
def test_a_planted_fault_is_detected(fault: CheckerFault, tmp_path: Path) -> None:
    source = (ROOT / "chaos" / "checker" / f"{fault.module}.py").read_text(encoding="utf-8")
    copy = tmp_path / f"{fault.module}.py"
    copy.write_text(source.replace(fault.old, fault.new), encoding="utf-8")
    with reloaded(Planted(f"chaos.checker.{fault.module}", copy)), pytest.raises(AssertionError):
        run_test(fault.detected_by)
