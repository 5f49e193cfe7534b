"""Our own server with every call through the official SDK, on port `PORT`, over `DATABASE`."""

from __future__ import annotations

import os

from dungeonfighter.access.hosts import HostGuard
from dungeonfighter.mcp.app import build_app
from dungeonfighter.serving.composition import STORES, make_admission, open_host
from dungeonfighter.serving.draining import Draining
from dungeonfighter.serving.event_loop import run_on_fastest_loop
from dungeonfighter.serving.server import serve
from dungeonfighter.serving.sockets import listen
from dungeonfighter.settings import read_settings


async def main() -> None:
    settings = read_settings({"database": os.environ["DATABASE"]}, {}, stores=STORES)
    listener = listen("127.0.0.1", int(os.environ["PORT"]))
    async with open_host(settings, serves=True) as host:
        app = build_app(host, guard=HostGuard(settings), admission=make_admission(), short_way=False)
        await serve(Draining(app), listener)


if __name__ == "__main__":
    run_on_fastest_loop(main())
