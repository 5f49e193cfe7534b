"""The log-in of the watch page: `/api/session`, and the cookie that it sets.

The cookie has no `Path`, so a browser sends it below the folder of `/api/session` only, wherever a proxy puts
the page: never to `/mcp`, and never for the files of the page. Scripts cannot read it (`HttpOnly`), other
sites cannot send it (`SameSite=Strict`), and a request that changes the session must name this server as its
`Origin`.

Source: RFC 6265, section 5.1.4 (the default path); docs/decisions/028-page-sessions.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.access.admission import joined
from dungeonfighter.access.client_addresses import client_address
from dungeonfighter.access.failed_log_ins import FailedLogIns
from dungeonfighter.access.page_sessions import PageSessions, Session
from dungeonfighter.access.principals import Principal
from dungeonfighter.access.tokens import TOKEN_CHARS_MAX
from dungeonfighter.errors import BadArgument, DungeonFighterError, NotAllowed, Unauthenticated
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.web.audiences import Audience
from dungeonfighter.web.responses import (
    Header,
    Receive,
    Scope,
    Send,
    send_error,
    send_fault,
    send_json,
)

PATH: Final = "/api/session"
COOKIE: Final = "dungeonfighter_session"
_BODY_BYTES_MAX: Final = 4096
_COOKIES_MAX: Final = 4
"""Servers below several paths of one host may each have set a cookie of this name."""

IsOwnPage = Callable[[str | None, str | None], bool]


class _Credentials(Struct, forbid_unknown_fields=True):
    token: str


_DECODE: Final = msgspec.json.Decoder(_Credentials)


class LogIn:
    """Opens, reads and ends the sessions of browsers.

    Args:
        sessions: Makes and reads the values of cookies.
        failures: Limits the failed log-ins of each address.
        is_own_page: Returns True if host and origin of a request are those of one and the same server.
        clock: Time.
        public_url: The origin under which clients reach this server, if it was given.
    """

    def __init__(
        self, sessions: PageSessions, failures: FailedLogIns, is_own_page: IsOwnPage, clock: Clock,
        public_url: str = "",
    ) -> None:  # fmt: skip
        self._sessions = sessions
        self._failures = failures
        self._is_own_page = is_own_page
        self._clock = clock
        self._public_url = public_url

    async def session_of(self, scope: Scope) -> Session | None:
        """Return the session in the cookie of a request; None if it has no such cookie.

        The cookie of a request that another page made does not count.

        Raises:
            Unauthenticated: The session has ended.
            AccessUnknown: The server cannot tell now.
        """
        values = _cookies(scope)
        if not values or (_header(scope, b"origin") is not None and not self._is_from_own_page(scope)):
            return None
        for value in values:
            await self._sessions.prepare(value)
        for value in values[:-1]:
            try:
                return self._sessions.find(value)
            except Unauthenticated:
                continue
        return self._sessions.find(values[-1])

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to `PATH`: GET describes the session, POST begins one, DELETE ends it."""
        method = scope["method"]
        try:
            if method in {"GET", "HEAD"}:
                session = await self.session_of(scope)
                if session is None:
                    raise Unauthenticated("there is no session; log in")
                await send_json(send, description(session.principal, session.expires_at))
            elif method not in {"POST", "DELETE"}:
                await send_fault(send, 405, "bad_argument", "GET, POST and DELETE are served here",
                                 (b"allow", b"GET, HEAD, POST, DELETE"))  # fmt: skip
            elif not self._is_from_own_page(scope):
                raise NotAllowed(
                    "only the page of this server may log in and out: send its origin, the scheme and host "
                    "that you address (such as http://127.0.0.1:8000), in the header Origin"
                )
            elif method == "POST":
                await self._open(scope, receive, send)
            else:
                await send_json(send, {}, self._cookie(scope, "", 0))
        except DungeonFighterError as error:
            await send_error(send, error)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin a session with the token in the body.

        Raises:
            BadInput, NotAllowed, Overloaded: The body or the token is wrong, or the address must wait.
        """
        if (_header(scope, b"content-type") or "").partition(";")[0].strip().lower() != "application/json":
            await send_fault(send, 415, "bad_argument", "Content-Type must be application/json")
            return
        address = client_address(scope)
        self._failures.check(address)
        body = await _read(receive)
        if body is None:
            await send_fault(send, 413, "bad_argument", f"the body is larger than {_BODY_BYTES_MAX} bytes")
            return
        try:
            secret = _DECODE.decode(body).token.strip().encode(errors="replace")
        except (msgspec.DecodeError, RecursionError):
            raise BadArgument('the body must be {"token": "..."}') from None
        try:
            if not 0 < len(secret) <= TOKEN_CHARS_MAX:
                raise Unauthenticated("this is no access token")
            session = await self._sessions.open(secret)
        except Unauthenticated:
            self._failures.note(address)
            raise
        seconds = max(1, session.expires_at - int(self._clock.wall()))
        cookie = self._cookie(scope, session.value, seconds)
        await send_json(send, description(session.principal, session.expires_at), cookie)

    def _is_from_own_page(self, scope: Scope) -> bool:
        return self._is_own_page(_header(scope, b"host"), _header(scope, b"origin"))

    def _cookie(self, scope: Scope, value: str, seconds: int) -> Header:
        """Return the header that sets the cookie; it is `Secure` where the browser came over TLS."""
        origin = (_header(scope, b"origin") or "").lower()
        is_public = origin.partition("://")[2] == self._public_url.partition("://")[2] != ""
        is_secure = origin.startswith("https:") or (is_public and self._public_url.startswith("https:"))
        secure = "; Secure" if is_secure else ""
        text = f"{COOKIE}={value}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        return b"set-cookie", text.encode()


def description(principal: Principal, expires_at: int) -> dict[str, object]:
    """Describe a session for the page; `fleet` is null where it shows all fleets."""
    audience = Audience.of(principal)
    return {"fleet": audience.fleet, "bots": audience.bots, "expiresAt": expires_at}


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request; None if it is larger than a log-in can be."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > _BODY_BYTES_MAX:
            return None
        if not message.get("more_body", False):
            break
    return body


def _header(scope: Scope, wanted: bytes) -> str | None:
    """Return the values of a header as one list; None if there is none."""
    values = joined(value for name, value in scope["headers"] if name == wanted)
    return None if values is None else values.decode("latin-1")


def _cookies(scope: Scope) -> list[str]:
    """Return the first values of our cookie in a request."""
    found = []
    for name, header in scope["headers"]:
        if name == b"cookie":
            for part in bytes(header).decode("latin-1").split(";"):
                key, _, value = part.strip().partition("=")
                if key == COOKIE and value:
                    found.append(value)
    return found[:_COOKIES_MAX]
