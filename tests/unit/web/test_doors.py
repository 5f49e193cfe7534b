"""No path of the API answers a caller that the admission refuses; the application lists the paths."""

from __future__ import annotations

import asyncio

import pytest

from tests.doors import NOT_ALLOWED, TOO_MANY, CountedStore, Doorkeeper
from tests.unit.web.watching import Site, filled


def site_with_store() -> tuple[Site, Doorkeeper, CountedStore]:
    keeper, store = Doorkeeper(), CountedStore()
    return Site(keeper, store), keeper, store


def targets(site: Site) -> list[str]:
    """Return a good request to each path."""
    assert site.app.api
    return [filled(path, "ada") for path in site.app.api]


@pytest.mark.parametrize(("refusal", "status"), [(NOT_ALLOWED, 403), (TOO_MANY, 429)])
async def test_no_path_answers_a_refused_caller(refusal: Exception, status: int) -> None:
    site, keeper, store = site_with_store()
    await site.start("ada")
    keeper.refusal = refusal
    store.calls.clear()
    for target in targets(site):
        for query in ("", "?bot=ada"):
            refused = keeper.refused
            reply = await asyncio.wait_for(site.get(target + query), 10)
            assert keeper.refused > refused
            assert reply.status == status
            assert set(reply.json) == {"error"}
    assert not store.calls


async def test_unknown_credentials_are_refused_everywhere() -> None:
    site, _, store = site_with_store()
    await site.start("ada")
    store.calls.clear()
    for target in targets(site):
        assert (await asyncio.wait_for(site.get(target, authorization="Bearer x"), 10)).status == 403
    assert not store.calls


async def test_a_stream_ends_when_its_caller_becomes_refused() -> None:
    site, keeper, _ = site_with_store()
    await site.start("ada")
    async with site.viewing("/api/events?bot=ada") as page:
        await page.events(3)
        del keeper.callers[None]
        await site.tick()
        await asyncio.wait_for(page.ended.wait(), 10)
    assert len(await page.events(3)) == 3


@pytest.mark.parametrize(
    "target", ["/api", "/api/", "/api/none", "/api/bots/", "/api/summary/", "/api/bots/?bot=ada"]
)
async def test_an_unknown_path_or_a_malformed_bot_is_never_admitted(target: str) -> None:
    site, keeper, store = site_with_store()
    await site.start("ada")
    store.calls.clear()
    keeper.admitted.clear()
    assert (await site.get(target)).status in {400, 404}
    assert not store.calls
    assert not keeper.admitted
