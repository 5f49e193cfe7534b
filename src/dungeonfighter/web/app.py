"""The watch page as an ASGI application: `/`, `/static/...`, `/api/...` and `/metrics`.

It writes nothing. Each path under `/api/` admits its caller, and shows what this caller may see: one fleet,
some of its bots, or all fleets (scope `admin`). `mcp/app.py` checks Host and Origin before.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, unquote

import msgspec

from dungeonfighter.access.admission import Admission, joined
from dungeonfighter.access.page_sessions import Session
from dungeonfighter.access.principals import Principal
from dungeonfighter.access.visible_bots import visible_bots
from dungeonfighter.errors import BadInput, DungeonFighterError, NotAllowed, Overloaded
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.instruments import Snapshot
from dungeonfighter.telemetry import exposition
from dungeonfighter.web import calls, doctor_page, log_in
from dungeonfighter.web.calls import Call
from dungeonfighter.web.doctor_page import DoctorPage
from dungeonfighter.web.files import File, Files
from dungeonfighter.web.log_in import LogIn
from dungeonfighter.web.responses import (
    NO_STORE,
    Receive,
    Scope,
    Send,
    send_error,
    send_fault,
    send_head,
    send_json,
    send_whole,
)
from dungeonfighter.web.run_pages import RunPages
from dungeonfighter.web.watch import Viewer, Watch, frame, trouble

BOTS_PER_PAGE_MAX: Final = 500
SEND_SECONDS_MAX: Final = 30.0
_NOT_HERE: Final = (
    "there is nothing here: the watch page is at /, "
    "MCP is served at POST /mcp and for one bot at POST /bots/{botId}/mcp"
)
_NO_SUM: Final = (
    "the parent of the workers does not answer, and old sums would look like an idle server; "
    "if that lasts, restart the server"
)
_OWN_ADMISSION: Final = frozenset({"/api/events", doctor_page.PATH})
"""The paths that admit their callers by themselves."""
_STREAMED: Final = (NO_STORE, (b"x-accel-buffering", b"no"))
"""The headers of an event stream."""


class WatchApp:
    """Answers the requests of the watch page.

    Args:
        host: Lists all bots.
        watch: The ticker; the composition starts and closes it.
        admission: Identifies callers and decides about their requests.
        log_in: Opens the sessions of browsers; None where callers have no access tokens.
        doctor: The report about the server itself; None for a server without it.
        scrape: Returns the metrics for `/metrics`, or raises TimeoutError; by default those of `host`.
    """

    def __init__(
        self, host: BotHost, watch: Watch, admission: Admission, log_in: LogIn | None = None,
        doctor: DoctorPage | None = None,
        *, scrape: Callable[[], Awaitable[Snapshot]] | None = None,
    ) -> None:  # fmt: skip
        self._host = host
        self._watch = watch
        self._admission = admission
        self._log_in = log_in
        self._scrape = scrape
        run_pages = RunPages(host, watch.playbacks)
        self._files = Files()
        self.api: Mapping[str, Callable[[Call], Awaitable[None]]] = {
            "/api/summary": self._summary,
            "/api/bots": self._bots,
            "/api/events": self._events,
            calls.ONE_BOT: self._bot,
            calls.RUNS: run_pages.runs,
            calls.ONE_RUN: run_pages.part,
        }
        """The paths of the API, with `{bot}` and `{episode}` in the place of values."""
        if doctor is not None:
            self.api = {**self.api, doctor_page.PATH: self._doctor}
        self._doctor_page = doctor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if path == log_in.PATH and self._log_in is not None:
            await self._log_in.answer(scope, receive, send)
        elif scope["method"] not in {"GET", "HEAD"}:
            await send_fault(send, 405, "bad_argument", "only GET is served here", (b"allow", b"GET, HEAD"))
        elif path == "/metrics":
            await self._answer_scrape(scope, send)
        elif (file := self._files.get(path)) is not None:
            await _send_file(send, file, dict(scope["headers"]).get(b"if-none-match"))
        else:
            try:
                await self._answer_api(path, scope, receive, send)
            except DungeonFighterError as error:
                await send_error(send, error)

    async def _answer_scrape(self, scope: Scope, send: Send) -> None:
        try:
            counted = self._host.meter.collect() if self._scrape is None else await self._scrape()
        except TimeoutError:
            await send_fault(send, 503, "overloaded", _NO_SUM)
            return
        accept = joined(value for name, value in scope["headers"] if name == b"accept") or b""
        is_open = exposition.wants_openmetrics(accept.decode("latin-1"))
        kind = exposition.OPENMETRICS_TYPE if is_open else exposition.CONTENT_TYPE
        await send_whole(
            send, 200, exposition.render(counted, openmetrics=is_open), kind, (b"vary", b"Accept")
        )

    async def _answer_api(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit the caller, and answer the request.

        Raises:
            BadInput, NotAllowed, Overloaded, StoreError: The request is refused, or failed.
        """
        is_of_bot = path.startswith(calls.BOTS)
        if not is_of_bot and path not in self.api:
            await send_fault(send, 404, "bad_argument", _NOT_HERE)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        principal, session = await self._identify(scope)
        audience = self._watch.audience_of(principal)
        route, bot, episode = path, query.get("bot", [""])[0], ""
        if is_of_bot:
            route, bot, episode = calls.below_bots(unquote(path.removeprefix(calls.BOTS)), audience)
        call = Call(principal, session, audience, bot, episode, query, scope, receive, send)
        if is_of_bot:
            self._admit_to_bot(call)
        elif route not in _OWN_ADMISSION:
            self._admit(call, None)
        await self.api[route](call)

    async def _identify(self, scope: Scope) -> tuple[Principal, Session | None]:
        """Return the caller of a request, by its credentials or by the session of its browser.

        Raises:
            NotAllowed, Overloaded: The caller is unknown, or cannot be known now.
        """
        authorization = joined(value for name, value in scope["headers"] if name == b"authorization")
        if authorization is None and self._log_in is not None:
            session = await self._log_in.session_of(scope)
            if session is not None:
                return session.principal, session
        await self._admission.prepare(authorization)
        return self._admission.identify(authorization), None

    def _admit(self, call: Call, bot: str | None) -> None:
        """Admit a caller to the figures that it may see, and to a bot.

        Raises:
            NotAllowed, Overloaded: The caller is refused.
        """
        if call.audience.fleet is None:
            self._admission.admit(call.principal, "admin", None, 0)
        else:
            self._admission.admit(call.principal, "read", bot, 0)

    def _admit_to_bot(self, call: Call) -> None:
        """Admit a caller to the bot that its request names.

        Raises:
            BadInput: That is no name of a bot.
            NotAllowed, Overloaded: The caller is refused.
        """
        call.audience.key_of(call.bot)
        self._admit(call, call.bot)

    def _admit_to_events(self, call: Call) -> DungeonFighterError | None:
        """Admit a caller to a stream; return the reason not to show the bot that it names, if any.

        Raises:
            NotAllowed, Overloaded: The caller is refused altogether.
        """
        if call.bot:
            try:
                self._admit_to_bot(call)
            except (BadInput, NotAllowed) as error:
                self._admit(call, None)
                return error
        else:
            self._admit(call, None)
        return None

    async def _doctor(self, call: Call) -> None:
        """Answer the report about the server to callers that see all fleets."""
        page = self._doctor_page
        assert page is not None
        page.check(call.scope)
        self._admission.admit(call.principal, "admin", None, 0)
        await send_json(call.send, msgspec.Raw(await page.answer()))

    async def _summary(self, call: Call) -> None:
        await send_json(call.send, msgspec.Raw(self._watch.summary_body(call.audience)))

    async def _bot(self, call: Call) -> None:
        await send_json(call.send, msgspec.Raw(await self._watch.detail(call.audience, call.bot)))

    async def _bots(self, call: Call) -> None:
        """Answer one page of the bots, in order of their names; `next` is the last one, null at the end."""
        query, audience = call.query, call.audience
        after = query.get("after", [""])[0]
        count = call.number("count", 100, 1, BOTS_PER_PAGE_MAX)
        key = audience.key_of(after) if after else ""
        if audience.fleet is None:
            page = await self._host.list_all_bots(key, count)
        else:
            page = await visible_bots(self._host, call.principal, after, count)
        bots = [
            {
                "botId": audience.name_of(bot.bot_id),
                "episode": bot.episode,
                "turn": bot.turn,
                "updatedAt": bot.updated_at,
            }
            for bot in page
        ]
        following = bots[-1]["botId"] if len(bots) == count else None
        await send_json(call.send, {"bots": bots, "next": following})

    async def _events(self, call: Call) -> None:
        """Send events until the client leaves, its rights end, or the server stops.

        A page that cannot show one bot shows the figures all the same, so the trouble with a bot is an event.
        """
        send, refusal = call.send, self._admit_to_events(call)
        is_shown = call.bot != "" and refusal is None
        if call.scope["method"] == "HEAD":
            await send_head(send, 200, b"text/event-stream", *_STREAMED)
            await send({"type": "http.response.body", "body": b""})
            return
        viewer = self._watch.enter(call.audience, call.bot if is_shown else None)
        tasks = [asyncio.create_task(_leave_at_disconnect(call.receive, viewer))]
        try:
            await send_head(send, 200, b"text/event-stream", *_STREAMED)
            if call.session is not None:
                about = log_in.description(call.principal, call.session.expires_at)
                viewer.put_first(frame("session", about))
            if is_shown:  # beside the stream: the store may be slow
                tasks.append(asyncio.create_task(self._put_bot(viewer, call)))
            elif refusal is not None:
                viewer.put(trouble(None, refusal))
            while (frames := await viewer.next()) is not None:
                if (await self._identify(call.scope))[0] != call.principal:
                    break
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

    async def _put_bot(self, viewer: Viewer, call: Call) -> None:
        viewer.put(await self._watch.bot_frame(call.audience, call.bot))


async def _send_file(send: Send, file: File, known: bytes | None) -> None:
    headers = ((b"etag", file.etag), (b"cache-control", file.cache_control))
    status, body = (304, b"") if known == file.etag else (200, file.body)
    await send_whole(send, status, body, file.content_type, *headers)


async def _leave_at_disconnect(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.leave()
