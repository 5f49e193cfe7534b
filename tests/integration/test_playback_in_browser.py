"""The playback of runs in Chromium, before a real server: slider, buttons, keyboard, and links to turns."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from testkit.server_process import ServerProcess
from tests.integration.browser import Browser, Page, chromium
from tests.integration.served import Served
from tests.integration.test_page_in_browser import (
    CONTRAST,
    CONTRASTS,
    HEIGHTS,
    LIVE,
    PHONE,
    TARGET_PIXELS,
    text,
    wait_for_text,
)

pytestmark = pytest.mark.long

LAST = 230
VALUE = "document.querySelector('#playback-slider').value"


class Stage:
    """A server whose bots have played: ada one run to its end, ivy a ranked one that lives."""

    def __init__(self, server: ServerProcess) -> None:
        self.url = server.url
        self._served = Served(server)
        self.texts = [self.call("start_new_game", "ada", weapon="mace", name="Ada", seed=5)]
        self.texts += [self.call("handle_input", "ada", input="1") for _ in range(LAST)]
        self.call("reset_game", "ada")
        self.call("start_new_game", "ivy", weapon="mace", mode="ironman")

    def call(self, tool: str, bot: str, **arguments: object) -> str:
        answer, is_error = self._served.call(tool, bot=bot, **arguments)
        assert not is_error, answer
        return answer

    def open(self, browser: Browser, place: str, **options: object) -> Page:
        page = browser.new_page(**options)
        page.goto(f"{self.url}/#{place}")
        page.wait_for_selector(LIVE)
        return page

    def shows(self, page: Page, turn: int) -> None:
        """Wait until the page shows a turn of the first run of ada, as its agent saw it."""
        page.wait_for_selector(f"#playback-text:has-text('e1 t{turn} ')")
        assert page.text_content("#playback-text") == self.texts[turn]
        assert page.evaluate(VALUE) == str(turn)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as server:
        yield Stage(server)


def test_a_link_opens_its_turn_and_the_slider_moves_on(browser: Browser, stage: Stage) -> None:
    page = stage.open(browser, "bot=ada&run=1&turn=117")
    stage.shows(page, 117)
    assert page.get_attribute("#playback-link", "href") == "#bot=ada&run=1&turn=117"
    assert page.get_attribute("#playback-slider", "aria-valuetext") == f"turn 117 of {LAST}"
    page.fill("#playback-slider", "205")  # a part that the page has not read
    stage.shows(page, 205)
    page.wait_until("location.hash === '#bot=ada&run=1&turn=205'")
    page.fill("#playback-turn", "42")
    page.press("Enter")
    stage.shows(page, 42)
    assert "abandoned · turns 0 to 230 · " in text(page, "#playback-line")
    assert page.errors() == []


def test_the_keyboard_steps_plays_and_pauses(browser: Browser, stage: Stage) -> None:
    page = stage.open(browser, "bot=ada&run=1&turn=117")
    stage.shows(page, 117)
    page.focus("#playback-title")
    steps = {"ArrowRight": 118, "ArrowLeft": 117, "PageDown": 127, "PageUp": 117, "End": LAST, "Home": 0}
    for key, turn in steps.items():
        page.press(key)
        stage.shows(page, turn)
    wait_for_text(page, "#playback-status", f"turn 0 of {LAST}")
    page.select_option("#playback-speed", "50")
    page.press(" ")
    wait_for_text(page, "#playback-play", "Pause")
    page.wait_until(f"{VALUE} > 110")  # it reads the next part by itself
    assert page.text_content("#playback-status") == f"turn 0 of {LAST}", "it speaks while it plays"
    page.focus("#playback-slider")
    page.press(" ")
    wait_for_text(page, "#playback-play", "Play")
    stage.shows(page, int(page.evaluate(VALUE)))
    page.press("ArrowRight")  # the slider's own key
    stage.shows(page, int(page.evaluate(VALUE)))
    page.wait_until(f"location.hash.endsWith('turn=' + {VALUE})")


def test_buttons_play_to_the_end_and_then_from_the_beginning(browser: Browser, stage: Stage) -> None:
    page = stage.open(browser, f"bot=ada&run=1&turn={LAST - 5}")
    stage.shows(page, LAST - 5)
    page.select_option("#playback-speed", "50")
    page.click("#playback-play")
    wait_for_text(page, "#playback-play", "Play")
    stage.shows(page, LAST)
    assert "This is the last turn." in text(page, "#playback-input")
    page.click("#playback-back")
    stage.shows(page, LAST - 1)
    assert text(page, "#playback-input") == "Its agent answers 1"
    page.click("#playback-first")
    stage.shows(page, 0)
    page.click("#playback-last")
    page.click("#playback-play")
    page.wait_until(f"0 < {VALUE} && {VALUE} < 100")
    page.click("#playback-play")


def test_a_live_run_that_is_played_back_catches_up(browser: Browser, stage: Stage) -> None:
    stage.call("start_new_game", "max", weapon="mace", seed=9)
    stage.call("handle_input", "max", input="1")
    page = stage.open(browser, "bot=max&run=1")
    page.wait_for_selector("#playback-text:has-text('e1 t0 ')")
    page.click("#playback-play")
    page.wait_for_selector("#playback-text:has-text('e1 t1 ')")
    stage.call("handle_input", "max", input="1")
    page.wait_for_selector("#playback-text:has-text('e1 t2 ')")
    assert text(page, "#playback-play") == "Pause"
    page.click("#playback-live")
    page.wait_for_selector("#playback", state="hidden")
    page.wait_for_selector("#text:has-text('e1 t2 ')")
    assert page.evaluate("location.hash") == "#bot=max"


def test_a_run_is_found_in_the_lists(browser: Browser, stage: Stage) -> None:
    page = stage.open(browser, "bot=ivy")
    page.click("#bot-runs-box summary")
    page.wait_for_selector("#bot-runs li:has-text('plays back when it is over')")
    assert page.evaluate("document.querySelector('#bot-runs a')") is None
    page.click("#recent li[data-bot=ada] a")
    stage.shows(page, 0)
    page.wait_for_selector("#bot-runs a:text-is('run 2')")
    page.click("#bot-runs a:text-is('run 1')")
    stage.shows(page, 0)
    page.wait_for_selector("#playback-title:focus")
    assert re.fullmatch(
        r"abandoned, 230 turns, casual, [\d:]+", text(page, "#bot-runs li:nth-child(2) .faint")
    )


REFUSED = "Run {} cannot be played back: {}."


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("bot=ivy&run=1&turn=0", REFUSED.format(1, "a ranked run shows its replay when it is over")),
        ("bot=ada&run=77", REFUSED.format(77, "the bot ada has no run 77; its last run is 2")),
        ("bot=ada&run=1&turn=900", f"Run 1 goes from turn 0 to {LAST}, so it has no turn 900."),
        ("bot=no&run=1", REFUSED.format(1, "there is no bot no; start_new_game begins its first run")),
    ],
)
def test_what_cannot_be_shown_is_explained(browser: Browser, stage: Stage, place: str, words: str) -> None:
    page = stage.open(browser, place)
    wait_for_text(page, "#playback-trouble", words)
    page.click("#playback-live")
    page.wait_for_selector("#playback", state="hidden")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_playback_is_readable_and_fits_on_a_phone(browser: Browser, stage: Stage, scheme: str) -> None:
    page = stage.open(
        browser, "bot=ada&run=1&turn=117", color_scheme=scheme, reduced_motion="reduce", **PHONE
    )
    stage.shows(page, 117)
    page.tap("#bot-runs-box summary")
    page.wait_for_selector("#bot-runs a")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [one for one in page.evaluate(HEIGHTS) if one[1] < TARGET_PIXELS] == []
    assert [one for one in page.evaluate(CONTRASTS) if one[2] < CONTRAST] == []
    assert page.evaluate("document.querySelector('#playback-speed').value") == "1"
    page.tap("#playback-next")
    stage.shows(page, 118)
