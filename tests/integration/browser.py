"""Chromium for tests, steered by Playwright.

Playwright lies in .parts/venv, so this file is also run there as a script: the tests send it one JSON line
per call, and it calls the method of the same name of a Playwright page.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

WAIT_MS = 60_000
"""The longest wait of one call: for an element, a condition or a navigation."""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip


class Page:
    """A page of the browser, in a context of its own.

    Each method is the method of that name of a Playwright page: `page.goto(url)`, `page.tap(css)`,
    `page.evaluate(script, argument)`. Arguments are JSON; a result that is not JSON is None.
    """

    def __init__(self, browser: Browser, number: int) -> None:
        self._browser = browser
        self._number = number

    def __getattr__(self, method: str) -> Any:
        return partial(self._browser.call, self._number, method)

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        self._browser.call(self._number, "keyboard.press", key)

    def wait_until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true.

        Playwright's `wait_for_function` evaluates text inside the page, which our pages forbid.
        """
        deadline = time.monotonic() + WAIT_MS / 1000
        while not self._browser.call(self._number, "evaluate", f"Boolean({condition})"):
            assert time.monotonic() < deadline, f"never true: {condition}"
            time.sleep(0.05)

    def errors(self) -> list[str]:
        """Return the errors in the console, and the exceptions that no script caught, so far."""
        errors: list[str] = self._browser.call(self._number, "errors")
        return errors


class Browser:
    """One running Chromium; `chromium` starts and ends it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def new_page(self, **options: Any) -> Page:
        """Open a page in a new context.

        Args:
            options: Those of Playwright's `Browser.new_context`: `viewport`, `color_scheme`, `has_touch`, ...
        """
        return Page(self, self.call(0, "new_page", **options))

    def call(self, page: int, method: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of a page, and wait for its result; an exception of Playwright fails the test."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([page, method, arguments, options]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser's process ended"
        result = json.loads(line)
        if "error" in result:
            raise AssertionError(f"{method}: {result['error']}")
        return result["value"]


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Run Chromium with further flags; skip the test if the part `browser` is missing."""
    from tests.parts import program  # not at the top: the script runs without pytest

    python = Path(program("playwright", part="browser")).with_name("python")
    command = [str(python), __file__, program("chromium", part="browser"), *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Browser(process)  # at the end the script's standard input closes, and it ends the browser


class Script:
    """The other end of the lines, in .parts/venv."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._pages: list[Any] = []
        self._errors: dict[Any, list[str]] = {}

    def answer(self, line: str) -> str:
        """Do the call of one line; return the line of its result."""
        number, method, arguments, options = json.loads(line)
        try:
            return json.dumps({"value": self._call(number, method, arguments, options)}, default=_no_json)
        except Exception as error:  # noqa: BLE001 - any error of a call belongs to the test
            return json.dumps({"error": str(error)})

    def _call(self, number: int, method: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        if method == "new_page":
            return self._new_page(options)
        page = self._pages[number - 1]
        if method == "errors":
            page.evaluate("0")  # a round trip, after which all earlier events have arrived
            return self._errors[page]
        called = page
        for name in method.split("."):
            called = getattr(called, name)
        return called(*arguments, **options)

    def _new_page(self, options: dict[str, Any]) -> int:
        page = self._browser.new_context(**options).new_page()
        page.set_default_timeout(WAIT_MS)
        errors = self._errors[page] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        self._pages.append(page)
        return len(self._pages)


def _no_json(_value: object) -> None:
    return None


def main() -> None:
    from playwright.sync_api import sync_playwright  # type: ignore[import-not-found]

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=sys.argv[1], args=[*FLAGS, *sys.argv[2:]])
        script = Script(browser)
        for line in sys.stdin:
            print(script.answer(line), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
