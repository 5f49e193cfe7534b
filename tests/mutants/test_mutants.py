"""The tests of the commit path fail when a fault removes the guard that they test.

Each test plants one fault in a copy of the sources and runs the tests of that guard over the copy in a new
process.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.mutants.fault import Fault
from tests.mutants.faults import FAULTS
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.long

_FAILED: Final = re.compile(r"^FAILED (\S+)", re.MULTILINE)
_TESTS_FAILED: Final = 1
"""The exit code of pytest after failed tests; other codes mean that pytest could not run them."""
_SECONDS_MAX: Final = 110
_SIMULATED_SECONDS_MAX: Final = 550


def copied(folder: Path) -> Path:
    """Copy the sources, so that a test can change them."""
    ignored = shutil.ignore_patterns("__pycache__")
    return shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)


def plant(fault: Fault, sources: Path) -> None:
    file = sources / "dungeonfighter" / fault.file
    text = file.read_text()
    assert text.count(fault.old) == 1, (
        f"{fault.file} has {text.count(fault.old)} times: {fault.old!r}; see tests/mutants/fault.py"
    )
    file.write_text(text.replace(fault.old, fault.new))


def run(sources: Path, *words: str, seconds_max: int = _SECONDS_MAX) -> tuple[int, str]:
    """Run a Python module over `sources` in place of this repository's; return exit code and output."""
    path = os.pathsep.join([str(sources), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
        timeout=seconds_max,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def run_tests(sources: Path, tests: list[str]) -> tuple[int, str]:
    # Without this option, `pythonpath` of pyproject.toml would come before PYTHONPATH.
    options = ("-q", "-rf", "--tb=no", "-p", "no:cacheprovider", "-o", f"pythonpath={sources} {ROOT}")
    return run(sources, "pytest", *options, *(f"tests/{test}" for test in tests))


def test_without_a_fault_all_of_these_tests_pass_over_a_copy(tmp_path: Path) -> None:
    tests = sorted({test for fault in FAULTS.values() for test in fault.tests})
    code, output = run_tests(copied(tmp_path), tests)
    assert code == 0, output


def test_the_tests_run_over_the_copy(tmp_path: Path) -> None:
    sources = copied(tmp_path)
    (sources / "dungeonfighter" / "limits.py").write_text("import no_such_module\n")
    code, output = run_tests(sources, ["unit/hosting/test_trail.py"])
    assert code > _TESTS_FAILED
    assert "no_such_module" in output


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_planted_fault_is_detected(fault: Fault, tmp_path: Path) -> None:
    sources = copied(tmp_path)
    plant(fault, sources)
    code, output = run_tests(sources, list(fault.tests))
    assert code == _TESTS_FAILED, output
    failed = _FAILED.findall(output)
    for test in fault.tests:
        assert any(one.removeprefix("tests/").startswith(test) for one in failed), f"{test} passes\n{output}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "fault", [pytest.param(fault, id=name) for name, fault in FAULTS.items() if fault.seeds]
)
def test_a_planted_fault_breaks_a_simulation(fault: Fault, tmp_path: Path) -> None:
    sources = copied(tmp_path)
    plant(fault, sources)
    words = ("--seed", "0", "--seeds", str(fault.seeds), "--until-broken")
    code, output = run(sources, "tests.simulation", *words, seconds_max=_SIMULATED_SECONDS_MAX)
    assert code == 1, output
    assert "broken: seeds" in output
