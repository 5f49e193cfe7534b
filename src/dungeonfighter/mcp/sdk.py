"""The official SDK over the registry: every protocol era, everything that is not the short way.

There are two servers, with and without `botId` in the schemas: header validation (`Mcp-Param-Bot-Id`) asks
the server for a tool's schema before any handler runs. Which bot, fleet and toolset a request is for comes
with its scope.

Source: MCP 2026-07-28; the SDK's docs, "low-level server", "legacy clients".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import mcp_types as types
import msgspec
from mcp.server import ServerRequestContext
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from msgspec import Struct

from dungeonfighter import __version__, limits
from dungeonfighter.mcp import texts, views, wire
from dungeonfighter.mcp.answers import INVALID_PARAMS, ProtocolError, ToolAnswer
from dungeonfighter.mcp.endpoint import EXCHANGE, Exchange
from dungeonfighter.mcp.registry import LOCAL_FLEET, Registry
from dungeonfighter.mcp.tool import DEFAULT_TOOLSET, TOOLSETS, Toolset

Context = ServerRequestContext[Any, Any]

FRESH_MS: Final = 3_600_000
"""How long lists and texts may be kept by a client: they change with a release."""
_CACHED: Final[tuple[CacheableMethod, ...]] = (
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
)
OWN_STATUS_FROM: Final = 429
"""Faults from this status on need it on the wire; for the others the SDK's own table is right."""


class Handlers:
    """The handlers of one server.

    `bot` and `toolset` are those of a server that serves one client (stdio); over HTTP each request brings
    its own.
    """

    def __init__(self, registry: Registry, *, bound: bool, bot: str | None, toolset: Toolset) -> None:
        self._registry = registry
        self._bot = bot
        self._toolset = toolset
        self._listed = {
            each: [types.Tool.model_validate(tool) for tool in registry.listed(each, bound=bound)]
            for each in TOOLSETS
        }
        self._texts = {
            texts.RULES_URI: ("text/markdown", texts.RULES),
            views.VIEW_SCHEMA_URI: ("application/schema+json", views.view_schema_text()),
        }

    async def list_tools(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        _refuse_cursor(params)
        exchange = _exchange(ctx)
        toolset = self._toolset if exchange is None else exchange.toolset
        return types.ListToolsResult(tools=self._listed[toolset])

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        exchange = _exchange(ctx)
        bot, fleet = (self._bot, LOCAL_FLEET) if exchange is None else (exchange.bot, exchange.fleet)
        try:
            answer = await self._registry.call(params.name, params.arguments, bot, fleet)
        except ProtocolError as fault:
            if exchange is not None and fault.status >= OWN_STATUS_FROM:
                exchange.send.fault = fault
            raise MCPError(fault.code, fault.message, fault.data) from None
        return call_result(answer)

    async def list_resources(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        del ctx
        _refuse_cursor(params)
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=texts.RULES_URI, name="rules", mime_type="text/markdown",
                    description="The rules of the game, short, for a model that plays.",
                ),
                types.Resource(
                    uri=views.VIEW_SCHEMA_URI, name="view.json", mime_type="application/schema+json",
                    description="JSON Schema of the view that view=json gives.",
                ),
            ]
        )  # fmt: skip

    async def list_templates(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        del ctx
        _refuse_cursor(params)
        return types.ListResourceTemplatesResult(resource_templates=[])

    async def read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        del ctx
        found = self._texts.get(params.uri)
        if found is None:
            raise MCPError(INVALID_PARAMS, f"Unknown resource; there are {', '.join(self._texts)}")
        mime_type, text = found
        contents = types.TextResourceContents(uri=params.uri, mime_type=mime_type, text=text)
        return types.ReadResourceResult(contents=[contents])

    async def list_prompts(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        del ctx
        _refuse_cursor(params)
        return types.ListPromptsResult(
            prompts=[types.Prompt(name=texts.PLAY, description=texts.PLAY_DESCRIPTION)]
        )

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        del ctx
        if params.name != texts.PLAY:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt; there is {texts.PLAY}")
        message = types.PromptMessage(
            role="user", content=types.TextContent(type="text", text=texts.PLAY_PROMPT)
        )
        return types.GetPromptResult(description=texts.PLAY_DESCRIPTION, messages=[message])


def call_result(answer: ToolAnswer) -> types.CallToolResult:
    """A tool's answer as the protocol has it."""
    structured = answer.structured
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answer.text)],
        structured_content=msgspec.to_builtins(structured) if isinstance(structured, Struct) else structured,
        is_error=answer.is_error,
    )


def build_server(
    registry: Registry, *, bound: bool, bot: str | None = None, toolset: Toolset = DEFAULT_TOOLSET
) -> Server[Any]:
    """One protocol server; `bound` leaves `botId` out of all schemas."""
    handlers = Handlers(registry, bound=bound, bot=bot, toolset=toolset)
    hint = CacheHint(ttl_ms=FRESH_MS, scope="public")
    return Server(
        "dungeonfighter",
        version=__version__,
        title="DungeonFighter",
        instructions=texts.INSTRUCTIONS,
        cache_hints=dict.fromkeys(_CACHED, hint),
        get_tool_input_schema=lambda name: registry.input_schema(name, bound=bound),
        on_list_tools=handlers.list_tools,
        on_call_tool=handlers.call_tool,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
    )  # fmt: skip


class SdkSpeaker:
    """Both servers over Streamable HTTP, without sessions in any era. Host and Origin are checked before."""

    def __init__(self, registry: Registry) -> None:
        self._free = _manager(build_server(registry, bound=False))
        self._bound = _manager(build_server(registry, bound=True))

    async def answer(self, exchange: Exchange, scope: wire.Scope, receive: wire.Receive) -> None:
        """Answer one POST through `exchange.send`."""
        manager = self._free if exchange.bot is None else self._bound
        await manager.handle_request(scope, receive, exchange.send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Both servers run inside; once only."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._free.run())
            await stack.enter_async_context(self._bound.run())
            yield


def _manager(server: Server[Any]) -> StreamableHTTPSessionManager:
    return StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=limits.body_bytes_max
    )


def _exchange(ctx: Context) -> Exchange | None:
    """The HTTP request this call came with; None on stdio."""
    if ctx.request is None:
        return None
    exchange: Exchange | None = ctx.request.scope.get(EXCHANGE)
    return exchange


def _refuse_cursor(params: types.PaginatedRequestParams | None) -> None:
    if params is not None and params.cursor is not None:
        raise MCPError(INVALID_PARAMS, "Unknown cursor: the list has one page")
