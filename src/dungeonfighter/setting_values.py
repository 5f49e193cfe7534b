"""Parses the texts of settings into values; each parser raises `Problem` with the remedy."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from string import ascii_lowercase, digits
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from dungeonfighter import limits
from dungeonfighter.connection_strings import Problem
from dungeonfighter.networks import Network, parse_network
from dungeonfighter.origins import parse_authority, parse_origin
from dungeonfighter.signing_secrets import CHARS_MAX, CHARS_MIN, PEM_BEGIN, SECRETS_MAX, split_secrets

_HEADER_NAME_CHARS: Final = frozenset(f"{ascii_lowercase}{digits}!#$%&'*+-.^_`|~")
"""Source: RFC 9110, section 5.6.2."""


class Address(NamedTuple):
    """An address to listen on."""

    host: str
    port: int


class Prometheus(NamedTuple):
    """The value of `PROMETHEUS_ENDPOINT`; one of the three is given.

    Attributes:
        listen: A further address of `/metrics`.
        path: A further path of it.
        url: A Prometheus. If the URL has a path, that is an OTLP receiver, to which metrics are pushed.
    """

    listen: Address | None = None
    path: str = ""
    url: str = ""

    @property
    def is_receiver(self) -> bool:
        return urlsplit(self.url).path.strip("/") != ""


def is_loopback(host: str) -> bool:
    """Return True if an address or name is reachable from this machine only."""
    name = host.strip("[]").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise Problem(f"{text[:40]!r} must be a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(high: float, low: float = 0.0) -> Callable[[str], float]:
    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text) or not low <= float(text) <= high:
            raise Problem(f"{text[:40]!r} must be seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def rate(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,3})?", text):
        raise Problem(f"{text[:40]!r} must be calls a second, for example 5 or 0.5; 0 sets no limit")
    return float(text)


def one_of(words: Mapping[str, str]) -> Callable[[str], str]:
    """Return a parser for one of `words`; a word with a reason is known but refused for that reason."""

    def parse(text: str) -> str:
        word = text.lower()
        usable = [known for known, reason in words.items() if not reason]
        if word not in words:
            raise Problem(f"{text[:40]!r} must be {' or '.join(usable)}")
        if words[word]:
            raise Problem(f"{word} {words[word]}: write {' or '.join(usable)}")
        return word

    return parse


def boolean(text: str) -> bool:
    word = text.lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise Problem(f"{text[:40]!r} must be 1 or 0 (or true, false, yes, no, on, off)")


def host(text: str) -> str:
    if not text or not re.fullmatch(r"[A-Za-z0-9.:_-]{1,255}", text):
        raise Problem(f"{text[:40]!r} must be an address or a host name, for example 127.0.0.1")
    return text


def address(text: str) -> Address:
    written, colon, port = text.rpartition(":")
    bare = written.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare) != (written != bare):
        raise Problem(f"{text[:80]!r} must be an address and a port, for example 127.0.0.1:9000")
    return Address(host(bare), integer(1, 65535)(port))


def prometheus(text: str) -> Prometheus:
    if text.startswith("/"):
        if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", text) or text.startswith(("/mcp", "/bots", "/api")):
            raise Problem(f"{text[:80]!r} must be a free path like /prometheus/metrics")
        return Prometheus(path=text)
    if "://" in text:
        return Prometheus(url=_receiver(text))
    try:
        return Prometheus(listen=address(text))
    except Problem:
        raise Problem(
            f"{text[:80]!r} must be an address and a port like 127.0.0.1:9464, a path like /metrics, or the "
            "URL of a Prometheus like http://prometheus:9090"
        ) from None


def _receiver(text: str) -> str:
    wrong = Problem(
        "this must be a URL like http://prometheus:9090 or, to push, "
        "http://prometheus:9090/api/v1/otlp/v1/metrics, without a user, a password or a query"
    )
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    if not sound or not text.isascii() or re.search(r"[\s@?#]", text):
        raise wrong
    return text.rstrip("/")


def listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def hosts(text: str) -> tuple[str, ...]:
    return tuple(host_header(part) for part in listed(text))


def host_header(text: str) -> str:
    found = parse_authority(text)
    if found is None:
        raise Problem(f"{text[:80]!a} must be a host like game.example.org or game.example.org:8000")
    return found.host if found.port is None else f"{found.host}:{found.port}"


def origins(text: str) -> tuple[str, ...]:
    return tuple(origin(part) for part in listed(text))


def origin(text: str) -> str:
    if not text.isascii():  # browsers send the ASCII form, so no request would match this one
        raise Problem(f"{text[:80]!a} must be an origin in ASCII like https://xn--bcher-kva.example.org")
    if "*" in text:
        raise Problem(f"{text[:80]!r} must be one origin, without a star: name each page that may play")
    if text.lower() == "null":
        raise Problem(
            "'null' stands for files and sandboxed pages of everybody; serve the page from an origin"
        )
    if parse_origin(text.removesuffix("/")) is None:
        raise Problem(f"{text[:80]!r} must be an origin like https://game.example.org (no path)")
    return text.removesuffix("/").lower()


def secure_address(text: str) -> str:
    """Return the text as it is: issuers are compared byte by byte."""
    parts = split_url(text)
    if parts is None or parts.username is not None or parts.fragment:
        raise Problem(f"{text[:80]!a} must be an address like https://login.example.org/realm")
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise Problem(f"{text[:80]!a} must begin with https:// (http:// is for loopback addresses)")
    return text


def split_url(text: str) -> SplitResult | None:
    """Return the parts of a URL of HTTP; None if the text is none."""
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if is_url and text.isascii() and text.isprintable() and " " not in text else None


def networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(parse_network(part) for part in listed(text))
    except ValueError as error:
        raise Problem(str(error)) from None


def folder(text: str) -> str:
    if not Path(text).is_dir():
        raise Problem(f"{text[:80]!r} must be a folder with content files like enemies.json")
    return text


def file_in_folder(text: str) -> str:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise Problem(f"{text[:80]!r} must be a file in a folder that exists")
    return str(path.absolute())


def key_prefix(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._:/-]{1,64}", text):
        raise Problem(f"{text[:40]!r} must be 1 to 64 letters, digits, '.', '_', ':', '/' or '-'")
    return text


def file(text: str) -> str:
    if not Path(text).is_file():
        raise Problem(f"{text[:80]!r} must be a file")
    return text


def collector(text: str) -> str:
    parts = split_url(text)
    if parts is None or parts.username is not None or parts.query or parts.fragment:
        raise Problem(
            f"{_host_of(text)!a} must be the address of a collector like http://collector:4318; "
            "its key goes into OTEL_EXPORTER_OTLP_HEADERS"
        )
    return text.removesuffix("/")


def _host_of(text: str) -> str:
    """Return an address without the parts that may hold a key."""
    scheme, mark, place = text.partition("?")[0].partition("://")
    return f"{scheme}{mark}{place.rpartition('@')[2]}"[:80]


def ratio(text: str) -> float:
    if len(text) > 12 or not text.isascii() or not text.replace(".", "", 1).isdigit() or float(text) > 1:
        raise Problem(f"{text[:40]!r} must be a part from 0 to 1, for example 0.01 for one call in a hundred")
    return float(text)


def http_headers(text: str) -> dict[str, str]:
    """Parse `name=value` pairs; no message shows a value, because it may be a key.

    Source: OpenTelemetry, "OTLP Exporter Configuration", "Specifying headers via environment variables".
    """
    headers = {}
    for number, part in enumerate(listed(text), 1):
        name, _, value = part.partition("=")
        name, value = name.strip().lower(), unquote(value.strip())
        is_name = name and set(name) <= _HEADER_NAME_CHARS
        if not is_name or not value or not value.isascii() or not value.isprintable():
            raise Problem(f"header {number} must be NAME=VALUE in ASCII, with a comma before the next one")
        headers[name] = value
    return headers


def pairs(text: str) -> dict[str, str]:
    """Parse attributes like `deployment.environment.name=prod,host.name=a`; values are percent-decoded."""
    attributes = {}
    for part in listed(text):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or len(part) > 256:
            raise Problem(f"{part[:40]!r} must be NAME=VALUE, for example deployment.environment.name=prod")
        attributes[name.strip()] = unquote(value.strip())
    return attributes


def short_text(text: str) -> str:
    if not text.isprintable() or len(text) > 128:
        raise Problem(f"{text[:40]!r} must be 1 to 128 printable characters")
    return text


def name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,128}", text):
        raise Problem(f"{text[:40]!r} must be 1 to 128 letters, digits, '.', '_' or '-'")
    return text


def signing_key(text: str) -> str:
    """Return the text of one or more secrets; the first is in use, see `signing_secrets`."""
    secrets = split_secrets(text)
    if not 1 <= len(secrets) <= SECRETS_MAX:
        raise Problem(f"it must be 1 to {SECRETS_MAX} secrets, each on a line of its own")
    for number, secret in enumerate(secrets, 1):
        which = "it" if len(secrets) == 1 else f"line {number}"
        if secret.startswith(PEM_BEGIN):
            _check_private_key(secret)
        elif not CHARS_MIN <= len(secret) <= CHARS_MAX:
            sizes = f"{CHARS_MIN} to {CHARS_MAX} characters"
            raise Problem(f"{which} must have {sizes}; `openssl rand -hex 32` makes one")
    return text


def _check_private_key(pem: str) -> None:
    # Only such a secret needs the library.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Problem("its private key cannot be read; it must be in PEM, without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise Problem("its private key must be one of Ed25519: `openssl genpkey -algorithm ed25519`")


def bot_prefix(text: str) -> str:
    if not limits.is_bot_id(f"{text}hero"):
        raise Problem(f"{text[:40]!r} must be the beginning of bot ids, for example bot-1-")
    return text
