"""A request that a proxy sent is recognised by the headers that proxies add."""

from __future__ import annotations

import pytest

from dungeonfighter.serving.exchange import is_forwarded


@pytest.mark.parametrize("name", [b"x-forwarded-for", b"forwarded", b"via"])
def test_each_header_of_a_proxy_tells(name: bytes) -> None:
    assert is_forwarded([(b"host", b"x"), (name, b"192.0.2.1")])


def test_other_headers_do_not() -> None:
    assert not is_forwarded([(b"host", b"x"), (b"x-forwarded-proto", b"https")])
