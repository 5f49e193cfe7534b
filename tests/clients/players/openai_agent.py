"""An agent of openai-agents with a model of its own, in each way of showing results and schemas to it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from agents import Agent, ModelResponse, RunConfig, Runner, Usage
from agents import Model as AgentsModel
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from tests.clients.scripted import PATIENCE_SECONDS, Model


class Scripted(AgentsModel):
    """Passes the last tool's output to the scripted model."""

    def __init__(self, *, strict: bool) -> None:
        self.model = Model(fills_in=strict)
        self._strict = strict

    async def get_response(self, **given: Any) -> ModelResponse:
        items, tools = given["input"], given["tools"]
        last = {} if isinstance(items, str) else items[-1]
        call = self.model.answer(
            plain(last["output"]) if last.get("type") == "function_call_output" else None
        )
        if call is None:
            said = ResponseOutputText(text="done", type="output_text", annotations=[])
            item: Any = ResponseOutputMessage(
                id="end", content=[said], role="assistant", status="completed", type="message"
            )
        else:
            if self._strict:
                (tool,) = (each for each in tools if each.name == call.tool)
                assert set(tool.params_json_schema.get("required", [])) == set(call.arguments)
            item = ResponseFunctionToolCall(
                call_id=f"call-{len(self.model.calls)}", type="function_call",
                name=call.tool, arguments=json.dumps(call.arguments),
            )  # fmt: skip
        return ModelResponse(output=[item], usage=Usage(), response_id=None)

    def stream_response(self, *given: Any, **named: Any) -> Any:
        raise NotImplementedError


def plain(output: Any) -> str:
    """Return the text of a tool's output, which is a text or a list of text blocks."""
    return output if isinstance(output, str) else "".join(block["text"] for block in output)


async def play(target: dict[str, Any], mode: str) -> Model:
    wants = set(mode.split("+"))
    kind = MCPServerStreamableHttp if "url" in target else MCPServerStdio
    async with kind(
        params=target, use_structured_content="structured" in wants,
        client_session_timeout_seconds=PATIENCE_SECONDS,
    ) as server:  # fmt: skip
        model = Scripted(strict="strict" in wants)
        agent = Agent(
            name="player", model=model, mcp_servers=[server],
            mcp_config={"convert_schemas_to_strict": "strict" in wants},
        )  # fmt: skip
        await Runner.run(agent, "Play.", max_turns=100, run_config=RunConfig(tracing_disabled=True))
    return model.model


asyncio.run(play(json.loads(sys.argv[1]), sys.argv[2])).print_report("openai-agents", "mcp")
