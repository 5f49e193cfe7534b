"""The same game over stdin and stdout, for one MCP client that starts it as a child. Logs belong on
stderr.
"""

from __future__ import annotations

from mcp.server.stdio import stdio_server

from dungeonfighter.hosting.host import BotHost
from dungeonfighter.mcp.registry import DEFAULT_TOOLSET, Registry, Toolset
from dungeonfighter.mcp.sdk import build_server


async def serve_stdio(
    host: BotHost, toolset: Toolset = DEFAULT_TOOLSET, bound_bot: str | None = None
) -> None:
    """Serve until the client closes stdin; every protocol era.

    Args:
        host: Plays all calls; its store is open. It is not closed here.
        toolset: What is listed.
        bound_bot: The bot of this client (a valid id); None leaves the choice to the calls.
    """
    server = build_server(Registry(host), bound=bound_bot is not None, bot=bound_bot, toolset=toolset)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
