"""Parses connection strings in the usual spellings: URL, keywords with semicolons (.NET), keywords of libpq.

Each spelling for PostgreSQL becomes one canonical URL, which the driver reads in one way. The parser uses a
parameter, or adds a note that the parameter has no effect here, or reports it as unknown. No message holds a
password, nor any text that could be a part of one.

Source: PostgreSQL's manual, "Connection Strings"; Npgsql, "Connection String Parameters"; ADO.NET,
"Connection String Syntax".
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from msgspec import Struct

_Pairs = list[tuple[str, str]]


class Problem(ValueError):
    """A setting has an invalid value; the text gives the reason and a valid form."""


class Database(Struct, frozen=True):
    """The place of the rows: a SQLite file (`path`), memory, or a PostgreSQL server (`url`).

    `kind` is sqlite | memory | postgresql. `notes` has one sentence for each parameter without effect.
    """

    kind: str
    path: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Return the name without a password, because texts about failures may show it."""
        return f"Database({self.kind}: {self.shown})"

    @property
    def has_password(self) -> bool:
        """True if the url holds a password."""
        parts = urlsplit(self.url)
        return bool(parts.password) or any(name in _SECRET for name in parse_qs(parts.query))

    @property
    def shown(self) -> str:
        """The name of the database for people, without a password; a file with its whole path."""
        if self.kind == "sqlite":
            return f"{Path(self.path).absolute()} (SQLite)"
        if self.kind == "memory":
            return "memory (nothing is kept when the server stops)"
        parts = urlsplit(self.url)
        query = parse_qs(parts.query)
        hosts = query.get("host", [""])[0]
        if hosts.startswith("/"):
            return f"postgresql://{parts.path} by the socket in {hosts}"
        if hosts:
            return f"postgresql://{hosts}{parts.path}"
        return f"postgresql://{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"


_USED: Final = {
    "host": ("server",), "port": (), "dbname": ("database", "db"),
    "user": ("username", "userid", "uid"), "password": ("pwd", "psw"), "passfile": (),
    "sslmode": (), "sslcert": ("sslcertificate",), "sslkey": (), "sslpassword": (),
    "sslrootcert": ("rootcertificate",), "sslcrl": (), "sslnegotiation": (),
    "ssl_min_protocol_version": (), "ssl_max_protocol_version": (),
    "target_session_attrs": ("targetsessionattributes",), "krbsrvname": ("kerberosservicename",),
    "gsslib": (), "options": (), "search_path": ("searchpath",),
}  # fmt: skip
_WITHOUT_EFFECT: Final = (
    "application_name", "fallback_application_name", "connect_timeout", "timeout", "commandtimeout",
    "internalcommandtimeout", "cancellationtimeout", "keepalive", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "tcpkeepalive", "tcpkeepalivetime", "tcpkeepaliveinterval",
    "tcp_user_timeout", "client_encoding", "encoding", "pooling", "minpoolsize", "maxpoolsize",
    "minimumpoolsize", "maximumpoolsize", "connectionidlelifetime", "connectionpruninginterval",
    "connectionlifetime", "noresetonclose", "maxautoprepare", "autoprepareminusages", "readbuffersize",
    "writebuffersize", "socketreceivebuffersize", "socketsendbuffersize", "multiplexing", "enlist",
    "includeerrordetail", "logparameters", "persistsecurityinfo", "trustservercertificate",
    "loadbalancehosts", "load_balance_hosts", "hostrecheckseconds", "timezone", "channel_binding",
    "channelbinding", "gssencmode", "gssencryptionmode", "loadtablecomposites",
    "servercompatibilitymode", "arraynullabilitymode", "checkcertificaterevocation", "sslcompression",
)  # fmt: skip


def _plain(key: str) -> str:
    return re.sub(r"[\s_]", "", key).lower()


_NAMES: Final = {_plain(alias): name for name, aliases in _USED.items() for alias in (name, *aliases)}
_IDLE_NAMES: Final = frozenset(map(_plain, _WITHOUT_EFFECT))
_SECRET: Final = frozenset({"password", "sslpassword"})
_SSL_MODES: Final = {_plain(mode).replace("-", ""): mode for mode in (
    "disable", "allow", "prefer", "require", "verify-ca", "verify-full")}  # fmt: skip
_TLS: Final = "TLSv1|TLSv1.1|TLSv1.2|TLSv1.3"
_VALUES: Final = {
    "sslnegotiation": "postgres|direct",
    "ssl_min_protocol_version": _TLS,
    "ssl_max_protocol_version": _TLS,
    "target_session_attrs": "any|primary|standby|read-write|read-only|prefer-standby",
    "gsslib": "gssapi|sspi",
}
_CONNINFO_BEGINS: Final = re.compile(
    r"\s*\w+\s*=\s*(?:'(?:[^'\\]|\\.)*'|[^\s;'\"][^\s;]*)\s+\w+\s*=", re.DOTALL
)
_CONNINFO_PAIR: Final = re.compile(
    r"\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'(?=\s|\Z)|((?:[^\s\\']|\\.)*)(?=\s|\Z))", re.DOTALL
)
_ADO_PAIR: Final = re.compile(
    r"""[\s;]*+((?:[^=;]|==)++)=(?!=)\s*(?:"((?:[^"]|"")*)"\s*(?=;|\Z)|'((?:[^']|'')*)'\s*(?=;|\Z)|([^;]*))""",
    re.DOTALL,
)


def parse_database(text: str) -> Database:
    """Parse a connection string.

    The known spellings are `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory://`, `postgresql://...`
    (also `postgres://`), `Host=...;Port=...;Database=...;Username=...;Password=...` in the grammar of .NET,
    and libpq's `host=... port=... dbname=...`.

    Raises:
        Problem: The text has none of these spellings, or one of its values is invalid.
    """
    if any((ord(char) < 32 and not char.isspace()) or 0xD800 <= ord(char) < 0xE000 for char in text):
        raise Problem("holds characters that no connection string can have")
    scheme, _, rest = text.partition("://")
    scheme = scheme.strip().lower()
    if scheme == "sqlite":
        return _sqlite(text)
    if text.lower() in {"memory", "memory:", "memory://"}:
        return Database("memory")
    if scheme in {"postgresql", "postgres"}:
        return _postgres(_url_pairs(rest), default_port="")
    if _CONNINFO_BEGINS.match(text):
        return _postgres(_pairs(text, _CONNINFO_PAIR, _conninfo_value), default_port="")
    if re.match(r"\s*[A-Za-z][\w ]*=", text):
        return _postgres(_pairs(text.rstrip("; \t\r\n"), _ADO_PAIR, _ado_value), default_port="5432")
    raise Problem(
        "is no known connection string: write sqlite:///file.db, memory://, "
        "postgresql://user:password@host/name or Host=...;Database=...;Username=...;Password=..."
    )


def _sqlite(text: str) -> Database:
    path = unquote(text.partition("://")[2]).removeprefix("/")
    if not path or path == ":memory:":
        raise Problem("names no file: write sqlite:///dungeonfighter.db (or memory:// to keep nothing)")
    if re.match(r"[^/].*\.db:|.*[\0\n]", path):
        raise Problem("is not a usable file name")
    return Database("sqlite", path=path)


def _url_pairs(rest: str) -> _Pairs:
    """Split the percent-encoded `user:password@hosts/name?parameters` into keys and values."""
    rest = rest.partition("#")[0]
    main, _, query = rest.partition("?")
    authority, _, name = main.partition("/")
    sign_in, _, hosts = authority.rpartition("@")
    user, _, password = sign_in.partition(":")
    found = [("host", unquote(hosts)), ("dbname", unquote(name)), ("user", unquote(user)),
             ("password", unquote(password))]  # fmt: skip
    for part in query.split("&") if query else []:
        key, equals, value = part.partition("=")
        if not equals:
            raise Problem("has a parameter without '=' after the '?'")
        found.append((unquote(key), unquote(value.replace("+", " "))))
    return [pair for pair in found if pair[1]]


def _pairs(text: str, one: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> _Pairs:
    found, at = [], 0
    while at < len(text) and not text[at:].isspace():
        match = one.match(text, at)
        if match is None:
            raise Problem(
                "has a part that is not key=value: put a value with spaces, ';' or quotes in quotes"
            )
        found.append((match[1].strip(), value(match)))
        at = match.end()
    return found


def _conninfo_value(match: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", match[2] if match[2] is not None else match[3], flags=re.DOTALL)


def _ado_value(match: re.Match[str]) -> str:
    if match[2] is not None:
        return match[2].replace('""', '"')
    if match[3] is not None:
        return match[3].replace("''", "'")
    return match[4].strip()


def _postgres(pairs: _Pairs, default_port: str) -> Database:
    values, notes = _known(pairs)
    if not values.get("host") or not values.get("dbname"):
        raise Problem(
            "needs a host and a database: postgresql://user:password@host:5432/name, for a Unix socket "
            "postgresql://user@/name?host=/folder, or Host=...;Database=...;Username=...;Password=..."
        )
    hosts = list(_hosts(values.pop("host"), values.pop("port", ""), default_port))
    user, password = quote(values.pop("user", ""), safe=""), quote(values.pop("password", ""), safe="")
    sign_in = f"{user}:{password}@" if password else f"{user}@" if user else ""
    name = quote(values.pop("dbname"), safe="")
    query = {key: value for key, value in values.items() if value}
    if len(hosts) > 1 or hosts[0][0].startswith("/"):
        query["host"] = ",".join(host for host, _ in hosts)
        if any(port for _, port in hosts):
            query["port"] = ",".join(port or "5432" for _, port in hosts)
        address = ""
    else:
        host, port = hosts[0]
        address = f"{host}:{port}" if port else host
    url = f"postgresql://{sign_in}{address}/{name}"
    return Database("postgresql", url=url + (f"?{urlencode(query, safe='/,')}" if query else ""), notes=notes)


def _known(pairs: _Pairs) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the last value of each parameter by its libpq name, and notes on those without effect."""
    values: dict[str, str] = {}
    notes: list[str] = []
    unknown: list[str] = []
    before = ""
    for key, value in pairs:
        name = _NAMES.get(_plain(key), "")
        if name:
            values[name] = _checked(name, value)
        elif _plain(key) in _IDLE_NAMES:
            notes.append(f"{key} in the connection string has no effect here")
        elif before in _SECRET or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ ]{0,40}", key):
            unknown.append(
                "a key that is not shown because it may be part of a password (put that in quotes)"
            )
        else:
            unknown.append(key)
        before = name
    if unknown:
        raise Problem(f"has parameters that are not known here: {', '.join(unknown)}")
    return values, tuple(notes)


def _checked(name: str, value: str) -> str:
    if "\0" in value:
        raise Problem(f"{name} holds a zero byte")
    if name == "sslmode" and value:
        mode = _SSL_MODES.get(_plain(value).replace("-", ""))
        if mode is None:
            raise Problem(f"sslmode must be {', '.join(_SSL_MODES.values())}")
        return mode
    if name == "target_session_attrs":
        value = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", value).lower()
    if name in _VALUES and value and value not in _VALUES[name].split("|"):
        raise Problem(f"{name} must be one of {_VALUES[name]}")
    return value


def _hosts(text: str, ports: str, default_port: str) -> Iterator[tuple[str, str]]:
    """Yield each (host, port): "" for no port, IPv6 addresses in brackets, a socket folder as host."""
    hosts = [part.strip() for part in text.split(",")]
    given = [part.strip() for part in ports.split(",")] if ports.strip() else []
    if len(given) not in {0, 1, len(hosts)}:
        raise Problem("needs one port for all hosts or one for each")
    for number, host in enumerate(hosts):
        name, own = _host_and_port(host)
        if own and given:
            raise Problem("names a port twice: beside the host and on its own")
        port = own or (given[number % len(given)] if given else default_port)
        if port and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
            raise Problem("has a port that is no number from 1 to 65535")
        yield name, port


def _host_and_port(text: str) -> tuple[str, str]:
    if text.startswith("/"):
        return text, ""
    match = re.fullmatch(r"\[([^\]]*)\](?::(.+))?", text)
    address, port = (match[1], match[2] or "") if match else (text, "")
    if match or text.count(":") > 1:
        try:
            return f"[{ipaddress.IPv6Address(address)}]", port
        except ValueError:
            raise Problem("has a host that is no IPv6 address") from None
    name, _, port = text.partition(":")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,255}", name):
        raise Problem("has a host that is no address and no name")
    return name, port


_AMQP_PORTS: Final = {"amqp": 5672, "amqps": 5671}


def parse_redis(text: str) -> str:
    """Return the URL of a Redis server; no message holds a part of it, for it may have a password."""
    parts = urlsplit(text)
    try:
        sound = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not (sound or (parts.scheme == "unix" and parts.path)):
        raise Problem("this must be like redis://host:6379/0, or rediss://user:password@host:6379/0 with TLS")
    return text


def shown_redis(url: str) -> str:
    """Return the place of a Redis server for people, without a password."""
    parts = urlsplit(url)
    return f"unix:{parts.path}" if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


def is_rabbitmq(url: str) -> bool:
    """Return True if a URL has the scheme of a RabbitMQ broker."""
    return url.partition(":")[0].lower() in _AMQP_PORTS


def parse_rabbitmq(text: str) -> str:
    """Return the URL of a RabbitMQ broker; no message holds a part of it, for it may have a password."""
    try:
        parts = urlsplit(text)
        sound = parts.scheme in _AMQP_PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise Problem("this must be like amqp://user:password@host:5672/, or amqps:// with TLS")
    return text


def shown_rabbitmq(url: str) -> str:
    """Return the place of a RabbitMQ broker for people, without a password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _AMQP_PORTS.get(parts.scheme)}"
