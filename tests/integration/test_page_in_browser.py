"""The watch page in Chromium, before a real server on which a fleet plays."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter.storage.file_lock import FileLock
from dungeonfighter.web.watch import VIEWERS_MAX
from testkit.server_process import ROOT, ServerProcess
from tests.integration.browser import Browser, Page, chromium
from tests.integration.prefix_proxy import prefix_proxy

pytestmark = pytest.mark.long

BOT = "fleet-00003"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TARGET_PIXELS = 44
CONTRAST = 4.5
LIVE = "#status[data-state=live]"
STALE = "main[data-stale]"

CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3]));
  const ancestors = (one) => (one ? [...ancestors(one.parentElement), one] : []);
  const light = (color) => color.map((value) => value / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const found = [];
  const measure = (element, color, text) => {
    const chain = ancestors(element);
    const styles = chain.map((one) => getComputedStyle(one));
    const below = styles.reduce((under, one) => over(parse(one.backgroundColor), under), [255, 255, 255]);
    const opacity = styles.reduce((product, one) => product * Number(one.opacity), 1);
    const [red, green, blue, alpha] = parse(color);
    const shown = over([red, green, blue, alpha * opacity], below);
    const [dark, bright] = [light(shown), light(below)].sort((a, b) => a - b);
    found.push([element.className.baseVal ?? element.className, text, (bright + 0.05) / (dark + 0.05)]);
  };
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const text = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE)
      .map((node) => node.data.trim()).join(" ").trim();
    if (text) measure(element, element instanceof SVGElement ? style.fill : style.color, text);
    const hint = element.placeholder;
    if (hint) measure(element, getComputedStyle(element, "::placeholder").color, hint);
  }
  return found;
}"""
"""Returns class, text and contrast of every text that is visible."""

RECORD_PAUSES = """() => {
  const begin = window.setTimeout;
  window.pauses = [];
  window.setTimeout = (call, pause) => { window.pauses.push(pause); return begin(call, pause); };
}"""

HEIGHTS = """() => [...document.querySelectorAll("main :is(a, button, input, summary, [data-bot])")]
  .filter((one) => one.checkVisibility())
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect().height])"""


@contextlib.contextmanager
def fleet(server: ServerProcess) -> Iterator[None]:
    """Let 30 bots play until the end of the block, some turns a second each."""
    command = [
        sys.executable, "-m", "dungeonfighter", "fleet", server.url, "--bots", "30", "--rate", "60",
        "--policy", "heuristic", "--seconds", "0", "--no-verify", "--patience", "120",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            yield
        finally:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as started, fleet(started):
        yield started


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server of one test, which may kill it."""
    with ServerProcess(tmp_path) as started, fleet(started):
        yield started


def opened(browser: Browser, url: str, **options: object) -> Page:
    """Open the page and wait for the rows of the fleet."""
    page = browser.new_page(**options)
    page.goto(url)
    page.wait_for_selector(LIVE)
    page.wait_for_selector("#bot-rows tr:nth-child(30)")
    return page


def text(page: Page, selector: str) -> str:
    shown: str = page.inner_text(selector)
    return shown


def wait_for_text(page: Page, selector: str, wanted: str) -> None:
    page.wait_for_selector(f"{selector}:text-is('{wanted}')")


def style(page: Page, selector: str, name: str) -> str:
    found: str = page.evaluate(f"getComputedStyle(document.querySelector('{selector}')).{name}")
    return found


def top(selector: str) -> str:
    """Return the JavaScript expression of the distance to the top of the screen."""
    return f"document.querySelector('{selector}').getBoundingClientRect().top"


def test_a_fleet_that_plays_is_shown_without_errors(browser: Browser, server: ServerProcess) -> None:
    page = opened(browser, server.url)
    page.wait_for_selector(".log .mark + p")
    page.wait_for_selector("#live li:nth-child(10)")
    assert "No run has ended yet." in text(page, "#top")
    scores = [float(line.split()[0]) for line in text(page, "#live").splitlines() if "." in line]
    assert scores == sorted(scores, reverse=True)
    assert re.fullmatch(r"turns committed since \d\d:\d\d", text(page, "#turns-label"))
    assert re.match(r"runs ended since \d\d:\d\d", text(page, "#ended-label"))
    assert not page.is_visible("#notice")
    assert page.errors() == []


def test_the_page_dims_when_the_server_dies_and_recovers_when_it_is_back(
    browser: Browser, mortal: ServerProcess
) -> None:
    page = opened(browser, mortal.url)
    page.wait_for_selector(".chart .curve", state="attached")
    live = style(page, "#rate", "color")
    page.evaluate(RECORD_PAUSES)
    mortal.kill()
    page.wait_for_selector(STALE)
    assert re.match(
        r"The server does not answer\. The last figures came at \d\d:\d\d:\d\d\.", text(page, "#notice")
    )
    assert text(page, "#status") == "no connection"
    assert style(page, "#rate", "color") == style(page, ".label", "color") != live
    assert float(style(page, ".chart .curve", "opacity")) < 1
    page.click("#more")
    wait_for_text(page, "#more-trouble", "The server does not answer.")
    page.wait_until("pauses.length >= 4")
    pauses = page.evaluate("pauses")
    assert pauses == sorted(pauses), "the pauses do not grow"
    mortal.start()
    page.wait_for_selector(f"{LIVE}")
    page.wait_for_selector("main:not([data-stale])")
    assert not page.is_visible("#notice")
    assert style(page, "#rate", "color") == live
    page.click("#more")
    page.wait_for_selector("#more-trouble:empty", state="attached")
    assert all("ERR_" in error for error in page.errors())  # Chromium reports each connection that failed


def test_the_button_tries_at_once(browser: Browser, mortal: ServerProcess) -> None:
    page = opened(browser, mortal.url)
    page.evaluate("window.setTimeout = () => 0")  # no attempt comes by itself
    mortal.kill()
    page.evaluate("dispatchEvent(new Event('online'))")
    page.wait_for_selector(STALE)
    mortal.start()
    page.click("#retry")
    page.wait_for_selector("main:not([data-stale])")
    page.wait_for_selector(LIVE)


def test_a_server_that_hangs_is_noticed_without_the_end_of_its_connection(
    browser: Browser, mortal: ServerProcess
) -> None:
    page = opened(browser, mortal.url)
    mortal.signal(signal.SIGSTOP)
    page.wait_for_selector(STALE)
    assert "The server does not answer." in text(page, "#notice")
    mortal.signal(signal.SIGCONT)
    page.wait_for_selector("main:not([data-stale])")
    page.wait_for_selector(LIVE)


def test_a_store_that_does_not_answer_is_announced_and_the_figures_go_on(
    browser: Browser, tmp_path: Path
) -> None:
    with ServerProcess(tmp_path, flags=("--commit-timeout", "1")) as server, fleet(server):
        page = opened(browser, server.url)
        lock = FileLock(Path(f"{server.database}.lock"))
        with lock:
            page.wait_for_selector("#notice-text:has-text('The store does not answer since')")
            assert text(page, "#status") == "store down"
            page.wait_for_selector("#rate:text-is('0')")
            assert not page.is_visible(STALE)
            assert not page.is_visible("#retry")
        lock.close()
        page.wait_for_selector("#notice", state="hidden")
        page.wait_for_selector(LIVE)


def test_the_reason_of_a_refusal_is_shown(browser: Browser, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ServerProcess(tmp_path))
        for _ in range(VIEWERS_MAX):
            viewer = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            stack.callback(viewer.close)
            viewer.request("GET", "/api/events")
            assert viewer.getresponse().status == 200
        page = browser.new_page()
        page.goto(server.url)
        page.wait_for_selector("#notice")
        refusal = f"The server refuses this (503: {VIEWERS_MAX} pages are watching already)."
        assert text(page, "#notice-text") == refusal


@pytest.mark.parametrize("typed", ["a b/c", "ä", "-a", "<b>", "", "a" * 129])
def test_a_malformed_id_is_explained(browser: Browser, server: ServerProcess, typed: str) -> None:
    page = opened(browser, server.url)
    page.fill("#find-id", typed)
    page.press("Enter")
    trouble = text(page, "#find-trouble")
    begin = f"“{typed[:40]}” is not a bot id" if typed else "Type a bot id"
    assert trouble.startswith(f"{begin}: 1 to 128 letters, digits, ")
    assert page.get_attribute("#find-id", "aria-invalid") == "true"
    page.fill("#find-id", BOT)
    page.press("Enter")
    wait_for_text(page, "#hero-title", BOT)
    assert text(page, "#find-trouble") == ""


def test_an_unknown_bot_is_explained(browser: Browser, server: ServerProcess) -> None:
    page = opened(browser, server.url)
    page.fill("#find-id", "nobody-here")
    page.click("#find button")
    page.wait_for_selector("#hero-line:has-text('there is no bot nobody-here')")


def in_sight(page: Page) -> None:
    """Wait until the panel of the bot stands in the upper half of the screen."""
    page.wait_until(f"{top('#hero')} > -1 && {top('#hero')} < innerHeight / 2")


def test_a_tap_anywhere_in_a_row_shows_the_bot_on_a_phone(browser: Browser, server: ServerProcess) -> None:
    page = opened(browser, server.url, **PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.tap(f"#bot-rows tr[data-bot='{BOT}'] td:last-child")
    wait_for_text(page, "#hero-title", BOT)
    in_sight(page)
    page.wait_for_selector(".log p")
    page.tap(".back")
    page.wait_until(f"{top('#bots')} > -1")
    page.tap(f"#bot-rows tr[data-bot='{BOT}'] td:last-child")  # the bot that is shown already
    in_sight(page)
    best = page.get_attribute("#live li", "data-bot")
    page.tap(f"#live li[data-bot='{best}'] .faint")
    wait_for_text(page, "#hero-title", best)
    in_sight(page)
    assert page.errors() == []


def test_what_one_taps_is_large_enough_on_a_phone(browser: Browser, server: ServerProcess) -> None:
    page = opened(browser, server.url, **PHONE)
    page.wait_for_selector("#live a")
    heights = page.evaluate(HEIGHTS)
    assert len(heights) > 40
    assert [one for one in heights if one[1] < TARGET_PIXELS] == []


def test_a_bot_is_chosen_with_the_keyboard(browser: Browser, server: ServerProcess) -> None:
    page = opened(browser, server.url)
    page.focus(f"#bot-rows tr[data-bot='{BOT}'] a")
    page.press("Enter")
    wait_for_text(page, "#hero-title", BOT)
    page.focus("#live a")
    before = text(page, "#turns")
    page.wait_for_selector(f"#turns:not(:text-is('{before}'))")
    assert page.is_visible("#live a:focus"), "an update took the focus"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(browser: Browser, mortal: ServerProcess, scheme: str) -> None:
    page = opened(browser, mortal.url, color_scheme=scheme)
    page.wait_for_selector(".log .mark + p")
    page.wait_for_selector("#live a")
    page.fill("#find-id", "a b")
    page.click("#find button")
    page.fill("#find-id", "")
    shown = page.evaluate(CONTRASTS)
    mortal.kill()
    page.wait_for_selector(STALE)
    shown_stale = page.evaluate(CONTRASTS)
    for found in (shown, shown_stale):
        assert {"mark", "trouble", "score", "number", "faint"} <= {name for name, _, _ in found}
        assert [one for one in found if one[2] < CONTRAST] == []


def test_the_page_works_below_a_path(browser: Browser, server: ServerProcess) -> None:
    with prefix_proxy(server.port, "/game/") as (url, seen):
        page = opened(browser, url)
        page.click("#more")
        wait_for_text(page, "#more", "those that played last")
        page.fill("#find-id", BOT)
        page.press("Enter")
        page.wait_for_selector(".log p")
        assert page.errors() == []
        assert page.text_content("#mcp-url") == f"{url}mcp"
        assert [path for path in seen if not path.startswith("/game/")] == []
        assert {"/game/api/events", "/game/api/bots?count=100", f"/game/api/events?bot={BOT}"} <= set(seen)
        page.goto("about:blank")


def test_a_server_without_bots_says_how_to_begin(browser: Browser, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/#bot=ada")
        page.wait_for_selector("#no-bots")
        assert f"dungeonfighter fleet {server.url}/" in text(page, "#no-bots")
        assert f"{server.url}/mcp" in text(page, "#no-bots")
        assert page.errors() == []


def test_without_javascript_the_page_says_what_it_needs(browser: Browser, server: ServerProcess) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(server.url)
    assert "needs JavaScript" in text(page, "noscript")
    assert not page.is_visible("main")
    page.click("noscript a[href='api/summary']")
    assert '"turnsPerSecond"' in text(page, "body")
