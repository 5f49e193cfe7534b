"""Links and lists of the documents, as the docs site needs them."""

from __future__ import annotations

import pytest

from testkit import docs_site
from testkit.docs_markdown import links_of, with_links, with_wide_lists


def test_links_outside_code_are_found_and_replaced() -> None:
    text = (
        "[a](x.md) `[b](y.md)` [`c`](z.md#part)\n```\n[d](no.md)\n```\n~~~text\n[e](no.md)\n```\n~~~\n[f](w)"
    )
    assert list(links_of(text)) == ["x.md", "z.md#part", "w"]
    assert with_links(text, str.upper) == (
        "[a](X.MD) `[b](y.md)` [`c`](Z.MD#PART)\n```\n[d](no.md)\n```\n~~~text\n[e](no.md)\n```\n~~~\n[f](W)"
    )


@pytest.mark.parametrize(
    ("site", "target", "expected"),
    [
        ("index.md", "docs/tools.md#errors", "tools.md#errors"),
        ("index.md", "CONTRIBUTING.md", "contributing.md"),
        ("tools.md", "../README.md", "index.md"),
        ("architecture.md", "decisions", "decisions/index.md"),
        ("decisions/016-sqlite-with-its-own-library.md", "../operations.md", "../operations.md"),
        ("replays.md", "../bench/load.py", "repository/bench/load.py.md"),
        ("balancers.md", "../deploy/haproxy", "repository/deploy/haproxy/folder.md"),
        ("repository/deploy/nginx/README.md", "../../docs/balancers.md", "../../../balancers.md"),
        ("tools.md", "replay.schema.json", "replay.schema.json"),
        ("tools.md", "https://example.org/a", "https://example.org/a"),
        ("tools.md", "#errors", "#errors"),
        ("tools.md", "no-such.md", "no-such.md"),
    ],
)  # fmt: skip
def test_a_link_of_the_repository_becomes_one_of_the_site(site: str, target: str, expected: str) -> None:
    assert docs_site.page(site, f"[x]({target})") == f"[x]({expected})"


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("* a\n  b\n* c", "* a\n    b\n* c"),
        ("1. a\n\n   ```py\n   x\n     y\n   ```\n2. b", "1. a\n\n    ```py\n    x\n      y\n    ```\n2. b"),
        ("1. a\n   * b\n     c\n2. d", "1. a\n    * b\n        c\n2. d"),
        ("* a\n\nplain", "* a\n\nplain"),
        ("words:\n* a\n* b", "words:\n\n* a\n* b"),
        ("```\n* a\n  b\n```", "```\n* a\n  b\n```"),
        ("10. a\n\n    b", "10. a\n\n    b"),
    ],
)  # fmt: skip
def test_lists_get_four_spaces_a_level(text: str, wide: str) -> None:
    assert with_wide_lists(text) == wide


def test_every_document_of_the_navigation_exists() -> None:
    named = [name for names in docs_site.NAVIGATION.values() for name in names]
    assert len(named) == len(set(named))
    beside = {"index.md", "contributing.md", "changelog.md"}
    assert not [
        name for name in named if name not in beside and not (docs_site.ROOT / "docs" / name).exists()
    ]
