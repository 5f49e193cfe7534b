"""The official SDK over the registry: every protocol era, and every request that the short way refuses.

There are two servers, with and without `botId` in the schemas, because header validation (`Mcp-Param-Bot-Id`)
asks the server for a tool's schema before any handler runs. The scope of a request carries its `Exchange`:
bot, caller and toolset.

Source: MCP 2026-07-28.
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
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import NotAllowed, Overloaded
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import board_tools, reasons, texts, views, wire
from dungeonfighter.mcp.answers import INVALID_PARAMS, ProtocolError, ToolAnswer, denied, refusal_of
from dungeonfighter.mcp.endpoint import EXCHANGE, Exchange
from dungeonfighter.mcp.query import Query
from dungeonfighter.mcp.registry import Registry
from dungeonfighter.mcp.tool import TOOLSETS
from dungeonfighter.mcp.traced_calls import CallTool

Context = ServerRequestContext[Any, Any]

FRESH_MS: Final = 3_600_000
"""The milliseconds for which a client may cache lists and texts; only a new release changes them."""
_CACHED: Final[tuple[CacheableMethod, ...]] = (
    "server/discover",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
)
_PEM: Final = "application/x-pem-file"
OWN_STATUS_FROM: Final = 429
"""Over HTTP a fault keeps its own status from this one on; the SDK's table sets lower ones."""


class Client(Struct, frozen=True):
    """The bot of a client's address (None: each call names one), its query, and the caller."""

    bot: str | None
    query: Query
    principal: Principal
    delivery: Delivery | None = None
    call_tool: CallTool | None = None
    """See `Exchange`."""


class Handlers:
    """The handlers of one server; see `build_server`."""

    def __init__(self, registry: Registry, *, bound: bool, client: Client | None) -> None:
        self._registry = registry
        self._client = client
        self._listed = {
            query: [
                types.Tool.model_validate(tool)
                for tool in registry.listed(query.toolset, bound=bound, turns_required=query.turns_required)
            ]
            for query in (Query(each, required) for each in TOOLSETS for required in (False, True))
        }
        self._texts = {
            texts.RULES_URI: ("text/markdown", texts.RULES),
            views.VIEW_SCHEMA_URI: ("application/schema+json", views.view_schema_text()),
        }

    async def list_tools(
        self, ctx: Context, params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        _refuse_cursor(params)
        return types.ListToolsResult(tools=self._listed[self._client_of(ctx).query])

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        client = self._client_of(ctx)
        call_tool = client.call_tool or self._registry.call
        try:
            answer = await call_tool(
                params.name, params.arguments, client.bot, client.principal, client.delivery,
                turns_required=client.query.turns_required,
            )  # fmt: skip
        except ProtocolError as fault:
            raise _reported(ctx, fault) from None
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
                types.Resource(
                    uri=board_tools.RUN_KEYS_URI, name="run-keys.pem", mime_type=_PEM,
                    description="The public keys that sign replays of ranked runs.",
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
        self._admit_reading(ctx)
        found = self._texts.get(params.uri)
        if params.uri == board_tools.RUN_KEYS_URI:
            found = _PEM, await self._registry.run_keys() or board_tools.NO_RUN_KEYS
        if found is None:
            known = ", ".join([*self._texts, board_tools.RUN_KEYS_URI])
            raise MCPError(INVALID_PARAMS, f"Unknown resource; there are {known}", {"uri": params.uri})
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
        self._admit_reading(ctx)
        if params.name != texts.PLAY:
            raise MCPError(INVALID_PARAMS, f"Unknown prompt; there is {texts.PLAY}")
        message = types.PromptMessage(
            role="user", content=types.TextContent(type="text", text=texts.PLAY_PROMPT)
        )
        return types.GetPromptResult(description=texts.PLAY_DESCRIPTION, messages=[message])

    def _client_of(self, ctx: Context) -> Client:
        exchange = _exchange(ctx)
        if exchange is not None:
            return Client(
                exchange.bot, exchange.query, exchange.principal, exchange.delivery, exchange.call_tool
            )
        assert self._client is not None, "a server without a client of its own serves HTTP only"
        return self._client

    def _admit_reading(self, ctx: Context) -> None:
        """Admit the caller to a text of the game.

        Raises:
            MCPError: The caller is refused.
        """
        try:
            self._registry.admission.admit(self._client_of(ctx).principal, "read", None, 0)
        except Overloaded as error:
            raise _reported(ctx, refusal_of(error)) from None
        except NotAllowed as error:
            raise _reported(ctx, denied(error)) from None


def call_result(answer: ToolAnswer) -> types.CallToolResult:
    """Return a tool's answer in the protocol's form."""
    structured = answer.structured
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=answer.text)],
        structured_content=msgspec.to_builtins(structured) if isinstance(structured, Struct) else structured,
        is_error=answer.is_error,
    )


def build_server(registry: Registry, *, bound: bool, client: Client | None = None) -> Server[Any]:
    """Make one protocol server.

    Args:
        registry: Runs the calls.
        bound: Leave `botId` out of all schemas.
        client: The one client of this server (stdio); None over HTTP, where each request brings its own.
    """
    handlers = Handlers(registry, bound=bound, client=client)
    hint = CacheHint(ttl_ms=FRESH_MS, scope="public")
    server: Server[Any] = Server(
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
    # Its tracing, on by default, breaks at a `baggage` that is no string, and logs those that it cannot read.
    # `traced_calls` traces the calls of both ways; the metrics are those of `telemetry`.
    server.middleware.clear()
    server.middleware.insert(0, reasons.give_reason)
    return server


class SdkSpeaker:
    """Both servers over Streamable HTTP, without sessions in any era; the endpoint checks Host and Origin."""

    def __init__(self, registry: Registry, body_bytes_max: int = limits.body_bytes_max) -> None:
        self._free = _manager(build_server(registry, bound=False), body_bytes_max)
        self._bound = _manager(build_server(registry, bound=True), body_bytes_max)

    async def answer(self, exchange: Exchange, scope: wire.Scope, receive: wire.Receive) -> None:
        """Answer one POST through `exchange.send`."""
        manager = self._free if exchange.bot is None else self._bound
        await manager.handle_request(scope, receive, exchange.send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run both servers inside this context, which can be entered once."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._free.run())
            await stack.enter_async_context(self._bound.run())
            yield


def _manager(server: Server[Any], body_bytes_max: int) -> StreamableHTTPSessionManager:
    return StreamableHTTPSessionManager(
        server, json_response=True, stateless=True, max_request_body_size=body_bytes_max
    )


def _exchange(ctx: Context) -> Exchange | None:
    """Return the HTTP request of this call; None on stdio."""
    if ctx.request is None:
        return None
    exchange: Exchange | None = ctx.request.scope.get(EXCHANGE)
    return exchange


def _reported(ctx: Context, fault: ProtocolError) -> MCPError:
    """Return a fault as the SDK's error; over HTTP also record it, to keep its status."""
    exchange = _exchange(ctx)
    if exchange is not None and (fault.status in {401, 403} or fault.status >= OWN_STATUS_FROM):
        exchange.send.fault = fault.with_traceback(None)  # which refers to the exchange
    return MCPError(fault.code, fault.message, fault.data)


def _refuse_cursor(params: types.PaginatedRequestParams | None) -> None:
    if params is not None and params.cursor is not None:
        raise MCPError(INVALID_PARAMS, "Unknown cursor: the list has one page")
