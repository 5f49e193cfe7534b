"""Each fault that `tests/mutants` plants names text that occurs exactly once in the sources."""

from __future__ import annotations

import pytest

from tests.mutants.checker_faults import CHECKER_FAULTS, CheckerFault
from tests.mutants.faults import FAULTS, Fault
from tests.unit.house.sources import PACKAGE, ROOT


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_names_text_that_occurs_once(fault: Fault) -> None:
    assert (PACKAGE / fault.file).read_text(encoding="utf-8").count(fault.old) == 1


@pytest.mark.parametrize("fault", CHECKER_FAULTS.values(), ids=CHECKER_FAULTS)
def test_a_fault_of_the_checker_names_text_that_occurs_once(fault: CheckerFault) -> None:
    path = ROOT / "chaos" / "checker" / f"{fault.module}.py"
    assert path.read_text(encoding="utf-8").count(fault.old) == 1
