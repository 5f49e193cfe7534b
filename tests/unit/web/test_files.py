"""The addresses of the page's files hold hashes of their content, so browsers keep the files for ever."""

from __future__ import annotations

import re

import pytest

from dungeonfighter.rules.state import Intent
from dungeonfighter.web.files import Files
from tests.unit.web.watching import Site

HASHED = re.compile(r"/static/[a-z]+\.[0-9a-f]{16}\.(js|css|svg)")


async def test_every_file_of_the_page_is_kept_for_ever_and_the_page_is_asked_for() -> None:
    site, files = Site(), Files().by_path
    assert len(files) > 8
    for path in files:
        reply = await site.get(path)
        assert reply.status == 200
        kept = "no-cache" if path == "/" else "public, max-age=31536000, immutable"
        assert reply.headers["cache-control"] == kept
        assert path == "/" or HASHED.fullmatch(path)
        second = await site.get(path, if_none_match=reply.headers["etag"])
        assert (second.status, second.body, second.headers["cache-control"]) == (304, b"", kept)
        assert not {"set-cookie", "vary"} & set(reply.headers)


def test_every_name_in_a_file_has_its_hash() -> None:
    files = Files().by_path
    for path, file in files.items():
        text = file.body.decode()
        named = re.findall(r'"(static/[^"]+)"', text)
        named += [f"static/{name}" for name in re.findall(r'from "\./([^"]+)"', text)]
        assert {f"/{name}" for name in named} <= set(files), path
    page = files["/"].body.decode()
    assert page.count("static/") >= 3


def test_the_hash_changes_with_a_file_that_the_file_imports() -> None:
    files = Files()
    before = set(files.by_path)
    files._sources["dom.js"] += "\n"
    files._names.clear()
    files.by_path.clear()
    for name in sorted(files._sources):
        if name != "index.html":
            files._add(name)
    changed = {path.split(".")[0].removeprefix("/static/") for path in set(files.by_path) - before}
    assert {"dom", "bots", "main"} <= changed
    assert "stream" not in changed


async def test_the_file_of_another_release_is_answered_by_ours_and_not_kept() -> None:
    site = Site()
    ours = next(path for path in Files().by_path if path.startswith("/static/main."))
    for path in ("/static/main.0123456789abcdef.js", "/static/main.js"):
        reply = await site.get(path)
        assert (reply.status, reply.headers["cache-control"]) == (200, "no-cache")
        assert reply.body == (await site.get(ours)).body
    for path in ("/static/none.0123456789abcdef.js", "/static/index.html", "/static/../app.py", "/static/"):
        assert (await site.get(path)).status == 404


@pytest.mark.parametrize("intent", list(Intent))
def test_the_page_has_words_for_every_intent(intent: Intent) -> None:
    scripts = [file.body.decode() for path, file in Files().by_path.items() if "/hero." in path]
    assert f' {intent.name}: "' in "".join(scripts)
