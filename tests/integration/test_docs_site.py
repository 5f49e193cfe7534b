"""The docs site as `make docs-site` builds it: every link leads somewhere, and the search works offline."""

from __future__ import annotations

import functools
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from testkit import docs_site
from tests.integration.browser import chromium
from tests.parts import go_without
from tests.unit.house.sources import ROOT

pytestmark = pytest.mark.long

ZENSICAL = ROOT / ".parts" / "docs" / "bin" / "zensical"
WITHOUT_ANCHORS = "404.html"
RESULTS = """[...document.querySelectorAll("*")].flatMap(
  each => each.shadowRoot ? [...each.shadowRoot.querySelectorAll("a")] : [])"""
"""The links of the dialog of the search."""


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [str(ZENSICAL), "build", "--strict", "--clean", "--config-file", str(folder / docs_site.SETTINGS)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built site."""
    if not ZENSICAL.exists():
        go_without("docs-site")
    folder = tmp_path_factory.mktemp("docs-site")
    docs_site.prepare(folder)
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


class Page(HTMLParser):
    """Collects the anchors of a page, its links, and the addresses of what a browser would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") not in {"canonical", "prev", "next"}:
            self.loaded.append(given["href"])
        self.loaded += [given["src"]] if "src" in given else []


def pages_of(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def test_every_link_leads_to_a_page_and_every_anchor_to_its_place(site: Path) -> None:
    pages = pages_of(site)
    assert len(pages) > 70
    broken = []
    for path, page in pages.items():
        for target in [*page.links, *page.loaded]:
            if re.match(r"[a-z][a-z0-9+.-]*:", target) or path.name == WITHOUT_ANCHORS:
                continue
            name, _, anchor = unquote(target).partition("#")
            there = (path.parent / name.partition("?")[0]).resolve() if name else path
            there = there / "index.html" if there.is_dir() else there
            is_there = there.exists() and (not anchor or there not in pages or anchor in pages[there].anchors)
            broken += [] if is_there else [f"{path.relative_to(site)}: {target}"]
    assert not broken


def test_each_page_loads_from_the_site_only(site: Path) -> None:
    loaded = {target for page in pages_of(site).values() for target in page.loaded}
    assert not [target for target in loaded if target.startswith(("http:", "https:", "//"))]
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles)


def test_every_document_is_a_page_of_the_navigation(site: Path) -> None:
    linked = set(Page((site / "index.html").read_text("utf-8")).links)
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        assert (site / name).exists()
        assert f"./{name}" in linked


def test_a_broken_link_fails_the_build(site: Path, tmp_path: Path) -> None:
    del site  # it skips the test without the part
    docs_site.prepare(tmp_path)
    for target in ("none.md", "tools.md#no-such-part"):
        page = tmp_path / "docs" / "redis.md"
        text = page.read_text("utf-8")
        page.write_text(f"{text}\n[x]({target})\n", "utf-8")
        done = build(tmp_path)
        assert done.returncode != 0
        assert "1 issue found" in done.stdout + done.stderr
        page.write_text(text, "utf-8")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and logs nothing."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url(site: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


def test_a_reader_searches_and_goes_to_a_result_without_the_internet(url: str, tmp_path: Path) -> None:
    with chromium("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}/index.html")
        tabs = page.evaluate(
            "[...document.querySelectorAll('.md-tabs a')].map(each => each.innerText.trim())"
        )
        assert tabs == list(docs_site.NAVIGATION)
        page.click(".md-search__button")
        getattr(page, "keyboard.type")("pgBackRest")
        page.wait_until(f"{RESULTS}.some(each => each.href.includes('/backups.html'))")
        page.evaluate(f"{RESULTS}.find(each => each.href.includes('/backups.html')).click()")
        page.wait_for_url(f"{url}/backups.html**")
        assert page.evaluate("document.querySelector('h1').innerText.split('\\n')[0]").startswith("Backups")
        page.screenshot(path=str(tmp_path / "page.png"))
        assert (tmp_path / "page.png").stat().st_size > 10_000
        assert page.errors() == []
        elsewhere = "performance.getEntriesByType('resource').map(each => each.name)"
        assert [name for name in page.evaluate(elsewhere) if not name.startswith(url)] == []
