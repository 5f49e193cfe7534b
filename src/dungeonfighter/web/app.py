"""The watch page as an ASGI application: `/`, `/static/...`, `/api/...` and `/metrics`.

It shows one fleet and writes nothing. Each path under `/api/` admits its caller. `mcp/app.py` checks Host and
Origin before it passes a request on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from dungeonfighter import limits
from dungeonfighter.access.admission import Admission, joined
from dungeonfighter.access.principals import EVERY_BOT, Principal
from dungeonfighter.access.visible_bots import visible_bots
from dungeonfighter.errors import (
    BadInput,
    DungeonFighterError,
    NotAllowed,
    Overloaded,
    RateLimited,
    StoreError,
)
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.telemetry import exposition
from dungeonfighter.web.files import load_files
from dungeonfighter.web.watch import Viewer, Watch, frame

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BOTS_PER_PAGE_MAX: Final = 500
SEND_SECONDS_MAX: Final = 30.0
_STORE_RETRY_SECONDS: Final = 3
_BAD_ID: Final = f"a bot id is {limits.bot_id_rule}"
_NOT_HERE: Final = (
    "there is nothing here: the watch page is at /, "
    "MCP is served at POST /mcp and for one bot at POST /bots/{botId}/mcp"
)
_SAFETY: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_STREAMED: Final = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
"""The headers of an event stream."""


class _Call(NamedTuple):
    """One request to the API. `bot` is the bot in the request, not decoded; empty if there is none."""

    principal: Principal
    bot: str
    query: dict[str, list[str]]
    receive: Receive
    send: Send


class WatchApp:
    """Answers the requests of the watch page.

    Args:
        host: Lists all bots.
        watch: The ticker; the composition starts and closes it.
        admission: Identifies callers and decides about their requests.
    """

    def __init__(self, host: BotHost, watch: Watch, admission: Admission) -> None:
        self._host = host
        self._watch = watch
        self._admission = admission
        self._files = load_files()
        self.api: Mapping[str, Callable[[_Call], Awaitable[None]]] = {
            "/api/summary": self._summary,
            "/api/bots": self._bots,
            "/api/events": self._events,
            "/api/bots/": self._bot,
        }
        """The paths of the API; one that ends in a slash is followed by a bot id."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        path: str = scope["path"]
        if scope["method"] not in {"GET", "HEAD"}:
            await _fail(send, 405, "bad_argument", "only GET is served here", (b"allow", b"GET, HEAD"))
        elif path == "/metrics":
            await _answer(send, 200, exposition.render(self._watch.totals().counted), exposition.CONTENT_TYPE)
        elif path in self._files:
            await self._file(send, path, headers.get(b"if-none-match"))
        else:
            try:
                await self._answer_api(path, scope, receive, send)
            except DungeonFighterError as error:
                status = _status(error)
                await _fail(send, status, error.code, str(error), *_retry_after(status, error))

    async def _file(self, send: Send, path: str, known: bytes | None) -> None:
        file = self._files[path]
        headers = ((b"etag", file.etag), (b"cache-control", b"no-cache"))
        if known == file.etag:
            await _answer(send, 304, b"", file.content_type, *headers)
        else:
            await _answer(send, 200, file.body, file.content_type, *headers)

    async def _answer_api(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit the caller, and answer the request.

        Raises:
            BadInput, NotAllowed, Overloaded, StoreError: The request is refused, or failed.
        """
        route = self._route(path)
        if route is None:
            await _fail(send, 404, "bad_argument", _NOT_HERE)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        rest = path.removeprefix(route)
        bot = _bot_id(unquote(rest)) if route.endswith("/") else query.get("bot", [""])[0]
        authorization = joined(value for name, value in scope["headers"] if name == b"authorization")
        await self._admission.prepare(authorization)
        principal = self._admission.identify(authorization)
        call = _Call(principal, bot, query, receive, send)
        self._admit(call)
        if scope["method"] == "HEAD" and route == "/api/events":
            await _send_head(send, 200, b"text/event-stream", *_STREAMED)
            await send({"type": "http.response.body", "body": b""})
        else:
            await self.api[route](call)

    def _route(self, path: str) -> str | None:
        for route in self.api:
            if path == route or (route.endswith("/") and path.startswith(route)):
                return route
        return None

    def _admit(self, call: _Call) -> None:
        """Admit a caller to a path, and to the bot that it names.

        Raises:
            NotAllowed, Overloaded: The caller is refused.
        """
        bot = call.bot if limits.is_bot_id(call.bot) else None
        self._admission.admit(call.principal, "read", bot, 0)
        if call.principal.fleet != self._watch.fleet:
            raise NotAllowed("the caller's fleet is not the one that this server shows")

    async def _summary(self, call: _Call) -> None:
        _require_every_bot(call.principal)
        await _json(call.send, msgspec.Raw(self._watch.summary_body()))

    async def _bot(self, call: _Call) -> None:
        await _json(call.send, await self._watch.detail(call.bot))

    async def _bots(self, call: _Call) -> None:
        """Answer one page of the bots, in order of their ids; `next` is the last id, null at the end."""
        query = call.query
        after = query.get("after", [""])[0]
        count = query.get("count", ["100"])[0]
        if not (
            count.isascii() and count.isdigit() and len(count) < 5 and 1 <= int(count) <= BOTS_PER_PAGE_MAX
        ):
            raise BadInput(f"count must be 1 to {BOTS_PER_PAGE_MAX}")
        page = await visible_bots(self._host, call.principal, _bot_id(after) if after else "", int(count))
        bots = [
            {
                "botId": bot.bot_id.partition("/")[2],
                "episode": bot.episode,
                "turn": bot.turn,
                "updatedAt": bot.updated_at,
            }
            for bot in page
        ]
        following = bots[-1]["botId"] if len(bots) == int(count) else None
        await _json(call.send, {"bots": bots, "next": following})

    async def _events(self, call: _Call) -> None:
        """Send events until the client leaves or the server stops.

        A browser's `EventSource` cannot read the body of a refusal, so an invalid id is reported as an event.
        """
        bot_id, receive, send = call.bot, call.receive, call.send
        _require_every_bot(call.principal)
        usable = limits.is_bot_id(bot_id)
        viewer = self._watch.enter(bot_id if usable else None)
        tasks = [asyncio.create_task(_leave_at_disconnect(receive, viewer))]
        try:
            await _send_head(send, 200, b"text/event-stream", *_STREAMED)
            if usable:  # beside the stream: the store may be slow
                tasks.append(asyncio.create_task(self._put_bot(viewer, bot_id)))
            elif bot_id:
                viewer.put(frame("trouble", {"botId": None, "code": "bad_argument", "message": _BAD_ID}))
            while (frames := await viewer.next()) is not None:
                self._admit(call)  # the caller may have lost its rights since
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await send({"type": "http.response.body", "body": frames, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass  # the client does not read, and an unfinished answer closes its connection
        except (NotAllowed, Overloaded):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._watch.exit(viewer)
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _put_bot(self, viewer: Viewer, bot_id: str) -> None:
        viewer.put(await self._watch.bot_frame(bot_id))


async def _leave_at_disconnect(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.leave()


def _require_every_bot(principal: Principal) -> None:
    """Refuse a request that shows all bots of the fleet, if the caller may act only for some of them."""
    if principal.bots != EVERY_BOT:
        raise NotAllowed("the caller may not read about every bot")


def _bot_id(text: str) -> str:
    if not limits.is_bot_id(text):
        raise BadInput(_BAD_ID)
    return text


def _status(error: DungeonFighterError) -> int:
    if isinstance(error, BadInput):
        return 404 if error.code == "unknown_bot" else 400
    if isinstance(error, NotAllowed):
        return 403
    if isinstance(error, RateLimited):
        return 429
    return 503 if isinstance(error, Overloaded | StoreError) else 500


def _retry_after(status: int, error: DungeonFighterError) -> tuple[tuple[bytes, bytes], ...]:
    if status not in {429, 503}:
        return ()
    seconds = error.retry_after_seconds if isinstance(error, Overloaded) else _STORE_RETRY_SECONDS
    return ((b"retry-after", b"%d" % seconds),)


async def _json(send: Send, value: object) -> None:
    await _answer(send, 200, msgspec.json.encode(value), b"application/json", (b"cache-control", b"no-store"))


async def _fail(send: Send, status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    await _answer(send, status, body, b"application/json", (b"cache-control", b"no-store"), *headers)


async def _answer(send: Send, status: int, body: bytes, kind: bytes, *headers: tuple[bytes, bytes]) -> None:
    await _send_head(
        send, status, kind, *headers, *(((b"content-length", b"%d" % len(body)),) if status != 304 else ())
    )
    await send({"type": "http.response.body", "body": body})


async def _send_head(send: Send, status: int, kind: bytes, *headers: tuple[bytes, bytes]) -> None:
    all_headers = [(b"content-type", kind), *headers, *_SAFETY]
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
