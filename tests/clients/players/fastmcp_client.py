"""A client of FastMCP in each of its modes; it lists the tools first, as an agent does."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.clients.scripted import Model


async def play(target: dict[str, Any], mode: str) -> Model:
    model = Model()
    async with Client(target.get("url") or StdioTransport(**target), mode=mode) as client:
        await client.list_tools()
        shown = None
        while call := model.answer(shown):
            result = await client.call_tool(*call, raise_on_error=False)
            shown = "".join(block.text for block in result.content)
    return model


asyncio.run(play(json.loads(sys.argv[1]), sys.argv[2])).print_report("fastmcp", "mcp")
