"""The command line imports one command at a time, and every command has the same two functions."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

from dungeonfighter import cli
from tests.unit.house.sources import MODULES, PACKAGE, dotted_name


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_module_has_both_functions(name: str) -> None:
    command = importlib.import_module(f"dungeonfighter.commands.{name}")
    assert list(inspect.signature(command.add_arguments).parameters) == ["parser"]
    assert list(inspect.signature(command.run).parameters) == ["arguments"]


def test_the_help_text_imports_no_command() -> None:
    code = (
        "import sys\n"
        "from dungeonfighter import cli\n"
        "try:\n    cli.main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('dungeonfighter.commands')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_only_commands_and_settings_import_argparse() -> None:
    importing = {
        dotted_name(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Import) and any(alias.name == "argparse" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "argparse")
    }
    allowed = {f"{PACKAGE.name}.cli", f"{PACKAGE.name}.settings"}
    assert {name for name in importing if not name.startswith(f"{PACKAGE.name}.commands.")} == allowed
