"""A `ToolCallingAgent` of smolagents with a model of its own, over mcpadapt (official SDK before 2)."""

from __future__ import annotations

import json
import sys
from typing import Any

from mcp import StdioServerParameters
from smolagents import ChatMessage, LogLevel, MCPClient, ToolCallingAgent
from smolagents import Model as SmolModel
from smolagents.models import ChatMessageToolCall, ChatMessageToolCallFunction, MessageRole

from tests.clients.scripted import PATIENCE_SECONDS, Call, Model

OBSERVED = "Observation:\n"


class Scripted(SmolModel):
    """Passes the last observation to the scripted model; every argument is required, as smolagents has it."""

    def __init__(self) -> None:
        super().__init__(model_id="scripted")
        self.model = Model(fills_in=True)

    def generate(self, messages: list[ChatMessage], **more: Any) -> ChatMessage:
        last = "".join(block["text"] for block in messages[-1].content)
        call = self.model.answer(last.partition(OBSERVED)[2] if OBSERVED in last else None)
        wanted = call or Call("final_answer", {"answer": "done"})
        function = ChatMessageToolCallFunction(name=wanted.tool, arguments=wanted.arguments)
        one = ChatMessageToolCall(function=function, id=f"call-{len(self.model.calls)}", type="function")
        return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[one])


def play(target: dict[str, Any], mode: str) -> Model:
    server = target if "url" in target else StdioServerParameters(**target)
    model = Scripted()
    patience = {"connect_timeout": PATIENCE_SECONDS}
    with MCPClient(server, patience, structured_output=mode == "structured") as tools:
        ToolCallingAgent(tools, model, max_steps=100, verbosity_level=LogLevel.OFF).run("Play.")
    return model.model


play(json.loads(sys.argv[1]), sys.argv[2]).print_report("smolagents", "mcpadapt", "mcp")
