"""A pydantic-ai agent with a `FunctionModel`: its model reads structured content if there is any."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import UsageLimits

from tests.clients.scripted import PATIENCE_SECONDS, Model


def shown(messages: list[ModelMessage]) -> str | None:
    """Return the answer of the last tool call as it is sent to a provider that marks errors itself."""
    answers = [part for part in messages[-1].parts if isinstance(part, ToolReturnPart)]
    return answers[0].model_response_str(wrap_if_error=False) if answers else None


async def play(target: dict[str, Any], behaviour: str) -> Model:
    model = Model()

    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        del info
        call = model.answer(shown(messages))
        return ModelResponse(parts=[ToolCallPart(*call) if call else TextPart("done")])

    client = target.get("url") or StdioTransport(**target)
    tools = MCPToolset(client, tool_error_behavior=behaviour, init_timeout=PATIENCE_SECONDS)
    async with Agent(FunctionModel(respond), toolsets=[tools]) as agent:
        await agent.run("Play.", usage_limits=UsageLimits(request_limit=None))
    return model


asyncio.run(play(json.loads(sys.argv[1]), sys.argv[2])).print_report("pydantic-ai-slim", "fastmcp", "mcp")
