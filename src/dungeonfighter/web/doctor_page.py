"""`/api/doctor`: the report of the server about itself, for operators only.

With access control the caller needs the scope `admin`. Without it everybody is the same caller, so the report
is given only where the address is that of this machine alone and no proxy stands in between. A page of
another origin gets it in no case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from dungeonfighter.errors import NotAllowed
from dungeonfighter.setting_values import is_loopback
from dungeonfighter.settings import Settings
from dungeonfighter.web.responses import Scope

PATH: Final = "/api/doctor"
_OTHER_WAYS: Final = "use --auth tokens and a token with the scope admin, or `dungeonfighter doctor --db URL`"
_OF_PROXIES: Final = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


class DoctorPage(NamedTuple):
    """The page.

    Attributes:
        answer: Returns the report as JSON.
        closed: The reason why this server gives it to nobody; empty if it does.
        has_access_control: Callers have tokens.
    """

    answer: Callable[[], Awaitable[bytes]]
    closed: str = ""
    has_access_control: bool = False

    @classmethod
    def of(cls, settings: Settings, answer: Callable[[], Awaitable[bytes]]) -> DoctorPage:
        """Make the page of a server with these settings."""
        return cls(answer, _closed_because(settings), settings.auth != "none")

    def check(self, scope: Scope) -> None:
        """Check the request itself, before its caller is admitted.

        Raises:
            NotAllowed: The report is not given to it.
        """
        if self.closed:
            raise NotAllowed(f"{self.closed}; {_OTHER_WAYS}")
        names = {name for name, _ in scope["headers"]}
        if b"origin" in names:
            raise NotAllowed("the report is not given to pages of other origins")
        if not self.has_access_control and not _OF_PROXIES.isdisjoint(names):
            raise NotAllowed(f"without access control the report is not given through a proxy; {_OTHER_WAYS}")


def _closed_because(settings: Settings) -> str:
    """Return the reason why a server with these settings gives its report to nobody; empty for none.

    Behind a forwarded port every client may appear as 127.0.0.1, so the address that the server listens on
    decides, and not that of the client.
    """
    if settings.auth != "none":
        return ""
    admin = settings.admin_listen
    if not is_loopback(settings.host if admin is None else admin.host):
        return "without access control this address is open to other machines"
    if admin is None and settings.trusted_proxies:
        return "without access control the proxies of --trusted-proxies lead everybody here"
    return ""
