"""Our own server with every call through the official SDK. On port `PORT`, over `DATABASE`."""

from __future__ import annotations

import asyncio
import os

import uvloop

from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.mcp.app import build_app
from dungeonfighter.serving import supervisor
from dungeonfighter.serving.composition import STORES, make_admission, open_host
from dungeonfighter.settings import read_settings


async def main() -> None:
    settings = read_settings({"database": os.environ["DATABASE"]}, {}, stores=STORES)
    listener = supervisor.listen("127.0.0.1", int(os.environ["PORT"]))
    async with open_host(settings, serves=True) as host:
        app = build_app(host, guard=HostGuard(settings), admission=make_admission(), short_way=False)
        await supervisor.serve(supervisor.Draining(app), listener)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
