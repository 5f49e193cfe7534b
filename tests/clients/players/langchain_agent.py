"""A LangChain agent with a chat model of its own, over langchain-mcp-adapters (official SDK before 2)."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from pydantic import PrivateAttr

from tests.clients.scripted import Model


class Scripted(BaseChatModel):
    """Passes the text of the last tool message to the scripted model."""

    _model: Model = PrivateAttr(default_factory=Model)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def model(self) -> Model:
        return self._model

    def bind_tools(self, tools: Any, **more: Any) -> Any:
        return self

    def _generate(self, messages: list[BaseMessage], *given: Any, **named: Any) -> ChatResult:
        last = messages[-1]
        call = self._model.answer(str(last.text) if isinstance(last, ToolMessage) else None)
        name = f"call-{len(self._model.calls)}"
        wanted = [{"name": call.tool, "args": call.arguments, "id": name}] if call else []
        message = AIMessage(content="" if call else "done", tool_calls=wanted)
        return ChatResult(generations=[ChatGeneration(message=message)])


async def play(target: dict[str, Any], mode: str) -> Model:
    """Play in one session, or with a session for each call."""
    transport = "streamable_http" if "url" in target else "stdio"
    client = MultiServerMCPClient({"game": {"transport": transport, **target}})
    model = Scripted()
    if mode == "session":
        async with client.session("game") as session:
            await run(model, await load_mcp_tools(session))
    else:
        await run(model, await client.get_tools())
    return model.model


async def run(model: Scripted, tools: list[Any]) -> None:
    agent = create_agent(model, tools)
    await agent.ainvoke({"messages": [("user", "Play.")]}, {"recursion_limit": 200})


asyncio.run(play(json.loads(sys.argv[1]), sys.argv[2])).print_report(
    "langchain-mcp-adapters", "langchain", "mcp"
)
