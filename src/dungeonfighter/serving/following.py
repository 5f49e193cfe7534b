"""Connects the watch page of a process to the notices of changed bots."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from dungeonfighter.connection_strings import shown_redis
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.serving.background import running
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.settings import Settings
from dungeonfighter.web.watch import Watch


@contextlib.asynccontextmanager
async def following(settings: Settings, secrets: Secrets, host: BotHost, watch: Watch) -> AsyncIterator[None]:
    """Exchange notices through Redis while the block runs, if a server is configured."""
    if not settings.redis_url:
        yield
        return
    try:
        from dungeonfighter.serving.notices import Notices  # noqa: PLC0415 - needs the extra `redis`
    except ImportError:
        yield  # `start_checks` says so
        return
    notices = Notices(
        secrets.current("redis_url"),
        prefix=settings.redis_key_prefix,
        place=shown_redis(settings.redis_url),
        version_of=host.version_in_memory,
        watched=watch.followed.by_key,
        on_notice=watch.followed.note,
    )
    secrets.call_at_change("redis_url", notices.use)
    watch.followed.hears = lambda: notices.is_up
    async with running(notices.keep(), "notices of changed bots"):
        yield
