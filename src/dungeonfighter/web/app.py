"""The watch page as a plain ASGI application: `/`, `/static/...`, `/api/...`; and `/metrics`.

It reads and never writes, and shows one fleet. Host and Origin are judged before a request comes here
(`mcp/app.py` guards every page it is given).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote

import msgspec

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, DungeonFighterError, NotAllowed, Overloaded
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.telemetry import metrics
from dungeonfighter.web.files import load_files
from dungeonfighter.web.watch import Viewer, Watch, frame

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BOTS_PER_PAGE_MAX: Final = 500
SEND_SECONDS_MAX: Final = 30.0
_BAD_ID: Final = "a bot id is 1 to 128 letters, digits, '.', '_' and '-', the first a letter or digit"
_SAFETY: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


class WatchApp:
    """Answers the watch page's requests.

    Args:
        host: Whose bots are listed.
        watch: The ticker; started and closed by the composition.
        fleet: Whose bots are shown.
    """

    def __init__(self, host: BotHost, watch: Watch, fleet: str = "local") -> None:
        self._host = host
        self._watch = watch
        self._fleet = fleet
        self._files = load_files()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        headers = dict(scope["headers"])
        path: str = scope["path"]
        if scope["method"] not in {"GET", "HEAD"}:
            await _fail(send, 405, "bad_argument", "only GET is served here", (b"allow", b"GET, HEAD"))
        elif path == "/metrics":
            await _answer(send, 200, metrics.render(self._watch.totals().counted), metrics.CONTENT_TYPE)
        elif path in self._files:
            await self._file(send, path, headers.get(b"if-none-match"), scope["method"] == "HEAD")
        else:
            try:
                await self._api(path, parse_qs(scope["query_string"].decode("latin-1")), receive, send)
            except DungeonFighterError as error:
                await _fail(send, _status(error), error.code, str(error))

    async def _file(self, send: Send, path: str, known: bytes | None, head: bool) -> None:
        file = self._files[path]
        headers = ((b"etag", file.etag), (b"cache-control", b"no-cache"))
        if known == file.etag:
            await _answer(send, 304, b"", file.content_type, *headers)
        else:
            await _answer(send, 200, b"" if head else file.body, file.content_type, *headers)

    async def _api(self, path: str, query: dict[str, list[str]], receive: Receive, send: Send) -> None:
        if path == "/api/summary":
            await _json(send, msgspec.Raw(self._watch.summary_body()))
        elif path == "/api/bots":
            await _json(send, await self._bots(query))
        elif path == "/api/events":
            await self._events(query.get("bot", [""])[0], receive, send)
        elif path.startswith("/api/bots/"):
            await _json(send, await self._watch.detail(_bot_id(unquote(path.removeprefix("/api/bots/")))))
        else:
            await _fail(send, 404, "bad_argument", "there is nothing here; the watch page is at /")

    async def _bots(self, query: dict[str, list[str]]) -> dict[str, object]:
        """One page of all bots, in order of their ids; `next` continues, null at the end."""
        after = query.get("after", [""])[0]
        count = query.get("count", ["100"])[0]
        if not (
            count.isascii() and count.isdigit() and len(count) < 5 and 1 <= int(count) <= BOTS_PER_PAGE_MAX
        ):
            raise BadInput(f"count must be 1 to {BOTS_PER_PAGE_MAX}")
        lines = await self._host.list_bots(self._fleet, _bot_id(after) if after else "", int(count))
        bots = [
            {
                "botId": line.bot_id.partition("/")[2],
                "episode": line.episode,
                "turn": line.turn,
                "updatedAt": line.updated_at,
            }
            for line in lines
        ]
        return {"bots": bots, "next": bots[-1]["botId"] if len(bots) == int(count) else None}

    async def _events(self, bot_id: str, receive: Receive, send: Send) -> None:
        """Server-sent events until the page is left or the server goes down.

        A page cannot read the answer to a refused stream, so what is wrong with the id is an event as well.
        """
        usable = limits.bot_id_pattern.match(bot_id) is not None
        viewer = self._watch.enter(bot_id if usable else None)
        gone = asyncio.create_task(_leave_with(receive, viewer))
        try:
            headers = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
            await _start(send, 200, b"text/event-stream", *headers)
            if usable:
                viewer.put(await self._watch.bot_frame(bot_id))
            elif bot_id:
                viewer.put(frame("trouble", {"botId": None, "code": "bad_argument", "message": _BAD_ID}))
            while (frames := await viewer.next()) is not None:
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await send({"type": "http.response.body", "body": frames, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass  # it does not read any more; the connection is dropped
        finally:
            self._watch.exit(viewer)
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone


async def _leave_with(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.leave()


def _bot_id(text: str) -> str:
    if not limits.bot_id_pattern.match(text):
        raise BadInput(_BAD_ID)
    return text


def _status(error: DungeonFighterError) -> int:
    if isinstance(error, BadInput):
        return 404 if error.code == "unknown_bot" else 400
    if isinstance(error, NotAllowed):
        return 403
    return 503 if isinstance(error, Overloaded) or error.code.startswith("store") else 500


async def _json(send: Send, value: object) -> None:
    await _answer(send, 200, msgspec.json.encode(value), b"application/json", (b"cache-control", b"no-store"))


async def _fail(send: Send, status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    await _answer(send, status, body, b"application/json", (b"cache-control", b"no-store"), *headers)


async def _answer(send: Send, status: int, body: bytes, kind: bytes, *headers: tuple[bytes, bytes]) -> None:
    await _start(
        send, status, kind, *headers, *(((b"content-length", b"%d" % len(body)),) if status != 304 else ())
    )
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, kind: bytes, *headers: tuple[bytes, bytes]) -> None:
    every = [(b"content-type", kind), *headers, *_SAFETY]
    await send({"type": "http.response.start", "status": status, "headers": every})
