"""The official SDK's low-level server with one trivial tool, stateless, JSON answers, on port `PORT`."""

from __future__ import annotations

import os
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

SCHEMA = {
    "type": "object",
    "properties": {"botId": {"type": "string", "x-mcp-header": "Bot-Id"}, "input": {"type": "string"}},
}


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    del ctx, params
    return types.ListToolsResult(tools=[types.Tool(name="handle_input", input_schema=SCHEMA)])


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    del ctx, params
    return types.CallToolResult(content=[types.TextContent(type="text", text="x" * 220)])


server: Server[Any] = Server(
    "trivial", on_list_tools=list_tools, on_call_tool=call_tool, get_tool_input_schema=lambda _: SCHEMA
)
manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await manager.handle_request(scope, receive, send)


async def main() -> None:
    config = uvicorn.Config(
        app, port=int(os.environ["PORT"]), access_log=False, log_level="error", lifespan="off"
    )
    async with manager.run():
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import asyncio

    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
