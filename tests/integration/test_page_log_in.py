"""The log-in of the watch page in Chromium, before a server with two workers on which two fleets play."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from testkit.server_process import ServerProcess
from tests.integration.browser import Browser, Page, chromium
from tests.integration.test_page_in_browser import CONTRAST, CONTRASTS, PHONE, TARGET_PIXELS
from tests.integration.test_tokens import Client, make_token, token

pytestmark = pytest.mark.long

LIVE = "#status[data-state=live]"
LOG_IN = "#log-in"
TOKEN_FIELD = "#token"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Fleets:
    """A server with bots of two fleets."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.client = Client(server)
        self.red = self.make("--fleet", "red")
        self.blue = self.make("--fleet", "blue")
        self.start(self.red, "ruby", "rose", "rust")
        self.start(self.blue, "bird", "bell")

    def make(self, *words: str) -> str:
        secret = make_token(self.server.database, *words)
        self.client.await_status(secret, 200)
        return secret

    def start(self, secret: str, *bots: str) -> None:
        for bot in bots:
            self.client.call(secret, "start_new_game", {"botId": bot, "weapon": "mace"})


@pytest.fixture(scope="module")
def fleets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleets]:
    folder = tmp_path_factory.mktemp("log-in")
    with ServerProcess(folder, flags=["--auth=tokens", "--workers=2"]) as server:
        yield Fleets(server)


def at_log_in(browser: Browser, fleets: Fleets, **options: object) -> Page:
    page = browser.new_page(**options)
    page.goto(fleets.server.url)
    page.wait_for_selector(LOG_IN)
    return page


def log_in(page: Page, secret: str) -> None:
    page.fill(TOKEN_FIELD, secret)
    page.press("Enter")


def logged_in(browser: Browser, fleets: Fleets, secret: str) -> Page:
    page = at_log_in(browser, fleets)
    log_in(page, secret)
    page.wait_for_selector(LIVE)
    return page


def test_a_token_shows_its_own_fleet_only(browser: Browser, fleets: Fleets) -> None:
    page = at_log_in(browser, fleets)
    assert not page.is_visible("main")
    assert not page.is_visible("#log-out")
    log_in(page, fleets.red)
    page.wait_for_selector(LIVE)
    page.wait_for_selector("#who:text-is('fleet red')")
    page.click("#more")
    page.wait_for_selector("tr[data-bot=rust]")
    page.wait_for_selector("#live li:nth-child(3)")
    shown = page.evaluate("document.body.innerText")
    assert {name for name in ("ruby", "rose", "rust") if name in shown} == {"ruby", "rose", "rust"}
    assert "bird" not in shown
    assert "bell" not in shown
    page.fill("#find-id", "bird")
    page.press("Enter")
    page.wait_for_selector("#hero-line:has-text('there is no bot bird')")
    assert not [error for error in page.errors() if "401" not in error]


def test_the_token_is_nowhere_in_the_page_afterwards(browser: Browser, fleets: Fleets) -> None:
    page = logged_in(browser, fleets, fleets.red)
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("Object.keys(localStorage).length + Object.keys(sessionStorage).length") == 0
    assert fleets.red not in page.content()
    assert page.evaluate("document.getElementById('token').value") == ""


def test_a_reload_keeps_the_session_and_a_log_out_ends_it(browser: Browser, fleets: Fleets) -> None:
    page = logged_in(browser, fleets, fleets.blue)
    page.reload()
    page.wait_for_selector("#who:text-is('fleet blue')")
    page.goto(f"{fleets.server.url}/#bot=bird")
    page.wait_for_selector(".log p")
    page.click("#log-out")
    page.wait_for_selector(LOG_IN)
    assert page.evaluate("location.hash") == ""
    assert "bird" not in page.evaluate("document.body.innerText")
    page.reload()
    page.wait_for_selector(LOG_IN)


def test_a_wrong_token_is_explained_and_another_try_works(browser: Browser, fleets: Fleets) -> None:
    page = at_log_in(browser, fleets)
    page.click("#log-in-button")
    page.wait_for_selector("#token-trouble:text-is('Paste an access token.')")
    log_in(page, "df_wrong")
    page.wait_for_selector("#token-trouble:has-text('unknown, was revoked, or has expired')")
    assert page.get_attribute(TOKEN_FIELD, "aria-invalid") == "true"
    assert page.evaluate("document.activeElement.id") == "token"
    log_in(page, fleets.red)
    page.wait_for_selector(LIVE)


def test_a_revoked_token_ends_the_open_page(browser: Browser, fleets: Fleets) -> None:
    doomed = fleets.make("--fleet", "red")
    page = logged_in(browser, fleets, doomed)
    assert token("revoke", doomed, database=fleets.server.database).returncode == 0
    page.wait_for_selector("#log-in-title:has-text('The session has ended')")
    assert not page.is_visible("main")
    assert "ruby" not in page.evaluate("document.body.innerText")
    log_in(page, doomed)
    page.wait_for_selector("#token-trouble:has-text('was revoked')")


def test_a_token_for_some_bots_shows_these(browser: Browser, fleets: Fleets) -> None:
    page = logged_in(browser, fleets, fleets.make("--fleet", "red", "--bots", "ro*"))
    page.wait_for_selector("#who:text-is('fleet red, bots ro*')")
    page.click("#more")
    page.wait_for_selector("tr[data-bot=rose]")
    assert "ruby" not in page.evaluate("document.body.innerText")
    assert not page.is_visible("#turns")
    page.fill("#find-id", "ruby")
    page.press("Enter")
    page.wait_for_selector("#hero-line:has-text('may not act for the bot ruby')")


def test_the_scope_admin_shows_all_fleets(browser: Browser, fleets: Fleets) -> None:
    page = logged_in(browser, fleets, fleets.make("--fleet", "red", "--scopes", "admin"))
    page.wait_for_selector("#who:text-is('all fleets')")
    page.click("#more")
    page.wait_for_selector("tr[data-bot='red/rose']")
    page.click("tr[data-bot='blue/bird']")
    page.wait_for_selector("#hero-title:text-is('blue/bird')")
    page.wait_for_selector(".log p")
    assert page.is_visible("#hot")


def test_a_stranger_must_wait_after_many_failures(browser: Browser, fleets: Fleets) -> None:
    """Runs last: all pages of these tests have the same address."""
    page = at_log_in(browser, fleets)
    refused = "document.getElementById('token-trouble').textContent.startsWith('Too many log-ins failed.')"
    for _ in range(30):
        log_in(page, "df_wrong")
        page.wait_until("!document.getElementById('log-in-button').disabled")
        if page.evaluate(refused):
            break
    assert page.evaluate(refused)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_log_in_is_readable_and_large_enough(browser: Browser, fleets: Fleets, scheme: str) -> None:
    page = at_log_in(browser, fleets, color_scheme=scheme, **PHONE)
    page.click("#log-in-button")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [one for one in page.evaluate(CONTRASTS) if one[2] < CONTRAST] == []
    parts = "[...document.querySelectorAll('#log-in :is(input, button)')]"
    heights = page.evaluate(f"{parts}.map((one) => one.getBoundingClientRect().height)")
    assert min(heights) >= TARGET_PIXELS
