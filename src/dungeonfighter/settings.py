"""Reads all settings once at start from flags and environment variables; a flag wins over its variable.

Each setting is one row of `setting_fields.FIELDS`. `read_settings` collects every problem, so that one start
reports all of them, each with its remedy.

Source: docs/operations.md, "Settings".
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Collection, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.connection_strings import Database, Problem
from dungeonfighter.errors import SettingsError
from dungeonfighter.networks import Network
from dungeonfighter.secret_files import read_secret
from dungeonfighter.setting_fields import DEFAULT_DATABASE, FIELDS, Field
from dungeonfighter.setting_values import Address, Prometheus, is_loopback


class Settings(Struct, frozen=True, kw_only=True):
    """The configuration of one server; an empty text or sequence means that the setting was not given."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    database: Database = Database("sqlite", path="dungeonfighter.db")
    db_pool_size: int = 8
    read_database: Database | None = None
    """A replica of `database` for lists of runs and the leaderboard."""
    db_prepared_statements: str = "on"
    allow_unsafe_store: bool = False
    """Serve even if a setting of the store can lose acknowledged turns."""
    max_bots_per_instance: int = limits.hot_games_default
    instance_id: str = ""
    catalog: str = ""
    """The folder with content files for new runs; "" stands for the packaged files."""
    bot_id_prefix: str = ""
    """The beginning of the ids of all bots of this server; calls for other bots are refused."""
    auth: str = "none"
    jwt_issuer: str = ""
    """The identity provider, exactly as it names itself."""
    jwt_audience: tuple[str, ...] = ()
    """The accepted audiences; by default the MCP address below `public_url`."""
    jwks_url: str = ""
    allow_open: bool = False
    """Serve addresses beyond loopback without access control."""
    rate_per_bot: float = 0.0
    rate_per_token: float = 0.0
    rate_per_fleet: float = 0.0
    """Calls a second; 0 means no limit."""
    bots_per_fleet: int = 0
    tokens_per_bot_per_day: int = 0
    """0 means no limit."""
    body_bytes_max: int = limits.body_bytes_max
    replicas: int = 1
    redis_url: str = ""
    redis_key_prefix: str = "dungeonfighter:"
    admin_listen: Address | None = None
    """A second address, for the health checks and the watch page; these are then not at the first one."""
    signing_key: str = ""
    """Signs checked rows of the leaderboard, and goes into the seals of the sessions of the watch page."""
    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    proxy_header: str = ""
    """The way in which those proxies name their clients: `x-forwarded-for` (also if empty) or
    `proxy-protocol`."""
    connections_per_address: int = 0
    drain_seconds: float = 0.0
    keep_alive_seconds: int = limits.keep_alive_seconds
    commit_timeout_seconds: float = limits.commit_timeout_seconds
    startup_timeout_seconds: float = limits.startup_timeout_seconds
    prometheus: Prometheus | None = None
    log_format: str = "text"
    log_level: str = "info"
    log_file: str = ""
    """The file to which the log is appended; "" stands for standard error."""
    slow_turn_milliseconds: int = limits.slow_turn_milliseconds
    """The time of a turn above which the log names it; 0 means no limit."""
    retention_days: int = 0
    """0 means that nothing is ever removed."""
    otlp_endpoint: str = ""
    """The collector of traces; "" for no traces."""
    otlp_protocol: str = "http/protobuf"
    otlp_headers: dict[str, str] = {}
    otlp_certificate: str = ""
    """A file with the certificates that the collector is trusted by; "" for those of the system."""
    service_name: str = "dungeonfighter"
    resource_attributes: dict[str, str] = {}
    trace_ratio: float = 0.01
    trace_flagged_rate: float = 10.0
    """Calls a second that are traced because their callers ask for it."""
    notes: tuple[str, ...] = ()
    """One sentence for each setting that was given and has no effect; `serve` prints them at start."""

    def __repr__(self) -> str:
        """Return the settings without the secrets, because texts about failures may show them."""
        secret = {field.attribute for field in FIELDS if field.is_secret}
        shown = (f"{one}={getattr(self, one)!r}" for one in self.__struct_fields__ if one not in secret)
        return f"Settings({', '.join(shown)})"


NOT_YET: Final = ("OTEL_TRACES_SAMPLER", "OTEL_SDK_DISABLED")
_OPEN_BY_PROXY: Final = (
    "--trusted-proxies without --auth: EVERYBODY who reaches the proxy may play and see every bot"
)
_OPEN: Final = "EVERYBODY who reaches this address may play and see every bot (--allow-open 1)"
_CAPPED: Final = "counts as {}: more would be slower"
JWT_SETTINGS: Final = ("jwt_issuer", "jwt_audience", "jwks_url")
"""The settings of the identity provider, by attribute."""
_EXPOSED: Final = "shows its password to every user of this machine (in `ps`): use {} instead"
DATABASE_SETTINGS: Final = ("database", "db_pool_size", "db_prepared_statements")
"""The settings that say which database is opened and how, by attribute."""


def add_arguments(
    parser: argparse.ArgumentParser, only: Collection[str] = (), default_database: str = DEFAULT_DATABASE
) -> None:
    """Add the flags of all settings, or only of those in `only`; values stay texts until `read_settings`.

    The help shows `default_database` as the default of `--db`; a caller with another default applies it.
    """
    group = parser.add_argument_group("settings (flag, or environment variable)")
    for field in FIELDS:
        if not only or field.attribute in only:
            purpose = f"{field.purpose} [{', '.join(field.variables)}]".replace("%", "%%")
            purpose = purpose.replace(DEFAULT_DATABASE, default_database)
            group.add_argument(*field.flags, dest=field.attribute, metavar=field.metavar, help=purpose)
            if field.is_secret:
                purpose = f"a file that holds it, read anew on SIGHUP [{field.file_variable}]"
                group.add_argument(field.file_flag, dest=field.file_attribute, metavar="FILE", help=purpose)


def read_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], *, stores: Collection[str] = ("sqlite", "memory")
) -> Settings:
    """Read every setting.

    Args:
        flags: Parsed arguments by attribute; None where a flag was not given.
        environ: Usually `os.environ`. An empty variable counts as not given.
        stores: The kinds of `Database` that this release can open.

    Raises:
        SettingsError: One line per problem, each naming the setting and its remedy.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    unreadable: set[str] = set()
    notes: list[str] = []
    for field in FIELDS:
        try:
            found = read_setting(field, flags, environ)
        except Problem as problem:
            problems.append(str(problem))
            unreadable.add(field.flags[0])
            continue
        if found is not None:
            if field.most and found > field.most:
                notes.append(f"{field.variables[0]}: {found} {_CAPPED.format(field.most)}")
                found = field.most
            values[field.attribute] = found
            if flags.get(field.attribute) is not None and _is_exposed(field, found):
                notes.append(f"{field.flags[0]} {_EXPOSED.format(field.file_variable)}")
    databases = (values.get("database"), values.get("read_database"))
    if values.get("auth") != "jwt":
        notes += [
            f"{name.upper()} has no effect without --auth jwt" for name in JWT_SETTINGS if name in values
        ]
    if "otlp_endpoint" not in values:
        notes += [f"{name} has no effect without --otlp-endpoint" for name in _of_traces(values)]
    notes += [note for one in databases if one is not None for note in one.notes]
    settings = Settings(**values, notes=(*_notes(environ), *notes))
    hosts = [settings.host, *([settings.admin_listen.host] if settings.admin_listen else [])]
    if settings.auth == "none" and settings.allow_open and not all(map(is_loopback, hosts)):
        settings = msgspec.structs.replace(settings, notes=(*settings.notes, _OPEN))
    if settings.auth == "none" and settings.trusted_proxies:
        settings = msgspec.structs.replace(settings, notes=(*settings.notes, _OPEN_BY_PROXY))
    problems += [one for one in _contradictions(settings, stores) if one.partition(":")[0] not in unreadable]
    if problems:
        raise SettingsError(problems)
    return settings


def readable_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[Settings, frozenset[str]]:
    """Return the settings that can be read, and the attributes of the others, which have their defaults."""
    values: dict[str, Any] = {}
    unreadable = set()
    for field in FIELDS:
        try:
            found = read_setting(field, flags, environ)
        except Problem:
            unreadable.add(field.attribute)
        else:
            values |= {} if found is None else {field.attribute: found}
    return Settings(**values), frozenset(unreadable)


def read_setting(field: Field, flags: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """Read one setting; None if it was not given.

    Raises:
        Problem: The value is wrong, or there are two of them; the message begins with the name.
    """
    found = _given(field, flags, environ)
    if not found:
        return None
    name, text = found[0]
    if len(found) > 1 and field.is_secret:
        raise Problem(f"{name}: {found[1][0]} is given, too; leave one of them out")
    try:
        if name in {field.file_flag, field.file_variable}:
            text = read_secret(text)
        return field.parse(text)
    except Problem as problem:
        raise Problem(f"{name}: {problem}") from None


def source_of(field: Field, flags: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    """Return the name of the flag or variable that gives a setting; empty if none does."""
    found = _given(field, flags, environ)
    return found[0][0] if found else ""


def _given(field: Field, flags: Mapping[str, Any], environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return name and text of the flags, or else of the variables, that give a setting."""
    attributes = [(field.flags[0], field.attribute), (field.file_flag, field.file_attribute)]
    by_flag = [(name, str(flags[one]).strip()) for name, one in attributes if flags.get(one) is not None]
    return by_flag or [
        (name, environ[name].strip()) for name in field.all_variables if environ.get(name, "").strip()
    ]


def _is_exposed(field: Field, value: object) -> bool:
    """Return True for a secret that everybody on this machine can read on the command line."""
    if isinstance(value, Database):
        return value.has_password
    return field.is_secret and (field.attribute != "redis_url" or bool(urlsplit(str(value)).password))


def worker_words(
    flags: Mapping[str, Any], environ: Mapping[str, str], **changes: object
) -> tuple[list[str], dict[str, str]]:
    """Return the flags and the environment that give the same settings to another process.

    Secrets go into the environment, because all users of a machine can read the flags of a process.

    Args:
        flags: Parsed arguments by attribute; None where a flag was not given.
        environ: The environment of this process.
        changes: Other values of flags, by attribute.
    """
    values = {**flags, **changes}
    words, theirs = [], dict(environ)
    for field in FIELDS:
        value, file = values.get(field.attribute), values.get(field.file_attribute)
        if field.is_secret and (value is not None or file is not None):
            for variable in field.all_variables:
                theirs.pop(variable, None)
            theirs[field.variables[0] if file is None else field.file_variable] = str(value or file)
        elif value is not None:
            words.append(f"{field.flags[0]}={value}")
    return words, theirs


def _notes(environ: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{name} has no effect in this version" for name in NOT_YET if environ.get(name))


def _of_traces(values: Mapping[str, Any]) -> list[str]:
    """Return the variables of the given settings that matter for traces only."""
    return [
        field.variables[0]
        for field in FIELDS
        if field.attribute in values and field.attribute.startswith(("otlp_", "trace_"))
    ]


def _contradictions(settings: Settings, stores: Collection[str]) -> list[str]:
    problems = []
    if settings.auth == "none" and not settings.allow_open and not is_loopback(settings.host):
        problems.append(
            f"--host: {settings.host} can be reached from other machines and everybody could play; write "
            "--auth tokens (`dungeonfighter token create` makes one), listen on 127.0.0.1, or write "
            "--allow-open 1 if everybody may"
        )
    problems += _missing_for_jwt(settings)
    if settings.proxy_header and not settings.trusted_proxies:
        problems.append("--proxy-header: also name the proxies that send it, with --trusted-proxies")
    problems += _admin_contradictions(settings)
    problems += _exporter_contradictions(settings)
    kind = settings.database.kind
    if kind not in stores:
        problems.append(
            f"--db: the {kind} store comes with a later version; write sqlite:///FILE or memory:// until then"
        )
    read = settings.read_database
    if read is not None and (read.kind, kind) != ("postgresql", "postgresql"):
        problems.append(
            "--read-db: only PostgreSQL has replicas; leave it out, or use it with --db postgresql://"
        )
    if kind == "memory" and settings.workers > 1:
        problems.append(
            "--workers: memory:// lives in one process; write --workers 1 or keep games in sqlite:///FILE"
        )
    return problems


def _admin_contradictions(settings: Settings) -> list[str]:
    admin = settings.admin_listen
    if admin is None:
        return []
    problems = []
    if settings.auth == "none" and not settings.allow_open and not is_loopback(admin.host):
        problems.append(
            f"--admin-listen: {admin.host} can be reached from other machines and everybody could see every "
            "bot; write --auth tokens, listen on 127.0.0.1, or write --allow-open 1 if everybody may"
        )
    if admin.port == settings.port:
        problems.append(f"--admin-listen: port {admin.port} is that of the game; choose another one")
    return problems


def _exporter_contradictions(settings: Settings) -> list[str]:
    exporter = settings.prometheus.listen if settings.prometheus else None
    if exporter is None or exporter.port not in {settings.port, *(settings.admin_listen or ())[1:]}:
        return []
    return [f"--prometheus-endpoint: port {exporter.port} is in use for the game or --admin-listen"]


def _missing_for_jwt(settings: Settings) -> list[str]:
    if settings.auth != "jwt":
        return []
    needed = {
        "--jwt-issuer": (settings.jwt_issuer, "the identity provider, exactly as its tokens name it"),
        "--jwks-url": (settings.jwks_url, "the address of its public keys (`jwks_uri` in its metadata)"),
        "--public-url": (settings.public_url, "the origin that clients use to reach this server"),
    }
    return [
        f"{flag}: --auth jwt needs it: write {meaning}"
        for flag, (given, meaning) in needed.items()
        if not given
    ]


def instance_name(settings: Settings) -> str:
    """Return the name of this server for logs: the setting, the host name or the process id."""
    return settings.instance_id or socket.gethostname() or f"pid-{os.getpid()}"
