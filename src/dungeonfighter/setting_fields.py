"""All settings: the names of each, its parser and its purpose.

Source: docs/settings.md, which is made from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from dungeonfighter import limits
from dungeonfighter import setting_values as to
from dungeonfighter.connection_strings import parse_database, parse_redis

DEFAULT_DATABASE: Final = "sqlite:///dungeonfighter.db"


class Field(NamedTuple):
    """One setting: its attribute, flags, variables in order of precedence, parser, and purpose."""

    attribute: str
    flags: tuple[str, ...]
    variables: tuple[str, ...]
    parse: Callable[[str], Any]
    metavar: str
    purpose: str
    see: str = ""
    """The heading in docs/operations.md below which there is more."""
    most: int = 0
    """A higher number counts as this one, with a note; 0 sets no such bound."""
    is_secret: bool = False
    """A file may hold the value: the names of its flag and variable are those of the last flag and of the
    first variable, and end with `-file` and `_FILE`."""

    @property
    def file_flag(self) -> str:
        return f"{self.flags[-1]}-file"

    @property
    def file_attribute(self) -> str:
        return f"{self.attribute}_file"

    @property
    def file_variable(self) -> str:
        return f"{self.variables[0]}_FILE"

    @property
    def all_variables(self) -> tuple[str, ...]:
        return (*self.variables, self.file_variable) if self.is_secret else self.variables


FIELDS: Final = (
    Field("host", ("--host",), ("DUNGEONFIGHTER_HOST",), to.host, "ADDRESS",
          "address to listen on (default: 127.0.0.1; only loopback without access control)"),
    Field("port", ("--port",), ("DUNGEONFIGHTER_PORT",), to.integer(0, 65535), "PORT",
          "port to listen on (default: 8000; 0 takes a free one)"),
    Field("workers", ("--workers",), ("WORKERS",), to.integer(1, 64), "N",
          "processes that serve, best one per core (default: 1)", see="Workers"),
    Field("database", ("--db", "--db-connection-string"), ("DB_CONNECTION_STRING",), parse_database, "URL",
          f"where games live: sqlite:///FILE, postgresql://... or memory:// (default: {DEFAULT_DATABASE})",
          see="Connection strings", is_secret=True),
    Field("db_pool_size", ("--db-pool-size",), ("DB_POOL_SIZE",), to.integer(1, 100_000), "N",
          "connections of each worker to a database server (default: 8)", see="Connections",
          most=limits.db_pool_size_most),
    Field("read_database", ("--read-db", "--read-db-connection-string"), ("READ_DB_CONNECTION_STRING",),
          parse_database, "URL",
          "a replica of a PostgreSQL --db to ask for lists of runs and the leaderboard; while it does not "
          "answer, --db is asked", is_secret=True),
    Field("db_prepared_statements", ("--db-prepared-statements",), ("DB_PREPARED_STATEMENTS",),
          to.one_of({"on": "", "off": ""}), "on|off",
          "off where PgBouncer without prepared statements is in between (default: on)",
          see="Behind PgBouncer"),
    Field("allow_unsafe_store", ("--allow-unsafe-store",), ("ALLOW_UNSAFE_STORE",), to.boolean, "1|0",
          "1 serves even where the store's own settings can lose acknowledged turns (default: 0)",
          see="Settings that can lose turns"),
    Field("max_bots_per_instance", ("--max-bots-per-instance",), ("MAX_BOTS_PER_INSTANCE",),
          to.integer(1, 10_000_000), "N",
          "games kept in memory; the rest hibernates until their next call "
          f"(default: {limits.hot_games_default})"),
    Field("catalog", ("--catalog",), ("CATALOG",), to.folder, "DIR",
          "content files of yours in place of the packaged ones, for new runs"),
    Field("instance_id", ("--instance-id",), ("INSTANCE_ID", "POD_NAME"), to.name, "NAME",
          "name of this server in logs (default: the machine's)"),
    Field("bot_id_prefix", ("--bot-id-prefix",), ("BOT_ID_PREFIX",), to.bot_prefix, "TEXT",
          "serve only bots whose ids begin so, for example bot-1- (default: all)"),
    Field("auth", ("--auth",), ("AUTH",), to.one_of({"none": "", "tokens": "", "jwt": ""}),
          "none|tokens|jwt", "who may play: none (everybody, on loopback), tokens (`token create` makes one) "
          "or jwt (tokens of an identity provider; default: none)", see="Access"),
    Field("jwt_issuer", ("--jwt-issuer",), ("JWT_ISSUER",), to.secure_address, "URL",
          "with --auth jwt: the identity provider, exactly as its tokens name it (claim iss)",
          see="Access with an identity provider"),
    Field("jwt_audience", ("--jwt-audience",), ("JWT_AUDIENCE",), to.listed, "TEXT,...",
          "with --auth jwt: the accepted audiences of tokens (claim aud; default: PUBLIC_URL/mcp)"),
    Field("jwks_url", ("--jwks-url",), ("JWKS_URL",), to.secure_address, "URL",
          "with --auth jwt: the address of the identity provider's public keys"),
    Field("allow_open", ("--allow-open",), ("ALLOW_OPEN",), to.boolean, "1|0",
          "1 serves everybody who reaches an address that is not loopback, without --auth (default: 0)"),
    Field("rate_per_bot", ("--rate-per-bot",), ("RATE_PER_BOT",), to.rate, "N",
          "calls a second of each bot, with a burst of 2 s (default: 0, no limit)", see="Limits"),
    Field("rate_per_token", ("--rate-per-token",), ("RATE_PER_TOKEN",), to.rate, "N",
          "calls a second of each access token (default: 0, no limit)", see="Limits"),
    Field("rate_per_fleet", ("--rate-per-fleet",), ("RATE_PER_FLEET",), to.rate, "N",
          "calls a second of each fleet (default: 0, no limit)", see="Limits"),
    Field("bots_per_fleet", ("--bots-per-fleet",), ("BOTS_PER_FLEET",), to.integer(0, 100_000_000), "N",
          "bots of each fleet; beyond it none is created (default: 0, no limit)", see="Limits"),
    Field("tokens_per_bot_per_day", ("--tokens-per-bot-per-day",), ("TOKENS_PER_BOT_PER_DAY",),
          to.integer(0, 999_999_999), "N",
          "estimated tokens of answers to each bot on a day (UTC; default: 0, no limit)", see="Limits"),
    Field("body_bytes_max", ("--body-bytes-max",), ("BODY_BYTES_MAX",),
          to.integer(limits.body_bytes_least, limits.body_bytes_most), "N",
          f"longest body of a request (default: {limits.body_bytes_max})"),
    Field("replicas", ("--replicas",), ("REPLICAS",), to.integer(1, 1000), "N",
          "servers that share the rates of fleets and tokens without Redis, in equal parts (default: 1)",
          see="Limits"),
    Field("redis_url", ("--redis", "--redis-connection-string"), ("REDIS_CONNECTION_STRING",), parse_redis,
          "URL", "redis:// or rediss:// server through which replicas divide rates and tell of changed bots",
          see="Limits", is_secret=True),
    Field("redis_key_prefix", ("--redis-key-prefix",), ("REDIS_KEY_PREFIX",), to.key_prefix, "TEXT",
          "beginning of all keys in Redis (default: dungeonfighter:)"),
    Field("admin_listen", ("--admin-listen",), ("ADMIN_LISTEN",), to.address, "ADDRESS:PORT",
          "a second address, which alone has the watch page, /livez, /readyz and /metrics",
          see="The watch page"),
    Field("signing_key", ("--signing-key",), ("SIGNING_KEY",), to.signing_key, "TEXT",
          "a secret that all servers of a database share: it signs the checked rows of the leaderboard, and "
          "goes into sessions of the watch page; further lines hold former or coming secrets (default: none)",
          see="The key of the leaderboard", is_secret=True),
    Field("public_url", ("--public-url",), ("PUBLIC_URL",), to.origin, "ORIGIN",
          "origin that clients use to reach this server through a proxy"),
    Field("allowed_hosts", ("--allowed-hosts",), ("ALLOWED_HOSTS",), to.hosts, "HOST,...",
          "further Host headers to accept (loopback names always are)"),
    Field("allowed_origins", ("--allowed-origins",), ("ALLOWED_ORIGINS",), to.origins, "ORIGIN,...",
          "further origins whose pages may play, for example https://game.example.org",
          see="Pages of other origins"),
    Field("trusted_proxies", ("--trusted-proxies",), ("TRUSTED_PROXIES",), to.networks, "NETWORK,...",
          "proxies that name their clients' addresses, for example 10.0.0.0/8 (default: none)",
          see="Addresses of clients"),
    Field("proxy_header", ("--proxy-header",), ("PROXY_HEADER",),
          to.one_of({"x-forwarded-for": "", "proxy-protocol": ""}), "x-forwarded-for|proxy-protocol",
          "how they name them: by a header of each request, or before the first (default: x-forwarded-for)",
          see="Addresses of clients"),
    Field("connections_per_address", ("--connections-per-address",), ("CONNECTIONS_PER_ADDRESS",),
          to.integer(0, 1_000_000), "N",
          "connections of each client's address to each worker (default: 0, no limit)",
          see="Addresses of clients"),
    Field("drain_seconds", ("--drain-seconds",), ("DRAIN_SECONDS",), to.seconds(600), "SECONDS",
          "how long to go on serving after SIGTERM, so that balancers notice (default: 0)", see="Signals"),
    Field("keep_alive_seconds", ("--keep-alive-seconds",), ("KEEP_ALIVE_SECONDS",), to.integer(1, 86_400),
          "SECONDS", "how long an idle connection stays open: longer than at the balancer "
          f"(default: {limits.keep_alive_seconds})", see="Behind a balancer"),
    Field("commit_timeout_seconds", ("--commit-timeout",), ("COMMIT_TIMEOUT",), to.seconds(120, 0.1),
          "SECONDS",
          "how long a turn may wait for the store (default: 10)"),
    Field("startup_timeout_seconds", ("--startup-timeout",), ("STARTUP_TIMEOUT",), to.seconds(3600),
          "SECONDS", "how long a start waits for a store that cannot be reached "
          f"(default: {limits.startup_timeout_seconds:g})", see="Start"),
    Field("prometheus", ("--prometheus-endpoint",), ("PROMETHEUS_ENDPOINT",), to.prometheus,
          "ADDRESS:PORT|PATH|URL", "an address of its own for /metrics, a second path for it, or the URL of "
          "a Prometheus (default: none)", see="Prometheus"),
    Field("log_format", ("--log-format",), ("LOG_FORMAT",),
          to.one_of({"text": "", "json": "", "ecs": ""}), "text|json|ecs",
          "form of the log: for people, flat JSON, or the Elastic Common Schema (default: text)",
          see="The log"),
    Field("log_level", ("--log-level",), ("LOG_LEVEL",),
          to.one_of({"debug": "", "info": "", "warning": "", "error": ""}), "debug|info|warning|error",
          "the least important lines of the log; debug has one for each turn (default: info)", see="The log"),
    Field("log_file", ("--log-file",), ("LOG_FILE",), to.file_in_folder, "FILE",
          "append the log to a file, opened anew on SIGHUP (default: standard error)", see="The log"),
    Field("slow_turn_milliseconds", ("--slow-turn-milliseconds",), ("SLOW_TURN_MILLISECONDS",),
          to.integer(0, 600_000), "N", "log each turn that takes longer, with its parts "
          f"(default: {limits.slow_turn_milliseconds}; 0 logs none)", see="The log"),
    Field("retention_days", ("--retention-days",), ("RETENTION_DAYS",), to.integer(1, 36_500), "N",
          "`db prune` removes what did not change for so many days; no server does (default: none)",
          see="Pruning"),
    Field("otlp_endpoint", ("--otlp-endpoint",), ("OTEL_EXPORTER_OTLP_ENDPOINT",), to.collector, "URL",
          "send traces to this OpenTelemetry collector, for example http://collector:4318 (default: none)"),
    Field("otlp_protocol", ("--otlp-protocol",), ("OTEL_EXPORTER_OTLP_PROTOCOL",),
          to.one_of({"grpc": "", "http/protobuf": "", "http/json": "is not supported"}),
          "grpc|http/protobuf", "how the collector is spoken to (default: http/protobuf)"),
    Field("otlp_headers", ("--otlp-headers",), ("OTEL_EXPORTER_OTLP_HEADERS",), to.http_headers,
          "NAME=VALUE,...", "headers for the collector, for example its key", is_secret=True),
    Field("otlp_certificate", ("--otlp-certificate",), ("OTEL_EXPORTER_OTLP_CERTIFICATE",), to.file, "FILE",
          "certificates to trust the collector by (default: those of the system)"),
    Field("service_name", ("--service-name",), ("OTEL_SERVICE_NAME",), to.short_text, "TEXT",
          "name of this service in traces (default: dungeonfighter)"),
    Field("resource_attributes", ("--resource-attributes",), ("OTEL_RESOURCE_ATTRIBUTES",), to.pairs,
          "NAME=VALUE,...", "further attributes of this server in traces (default: none)"),
    Field("trace_ratio", ("--trace-ratio",), ("OTEL_TRACES_SAMPLER_ARG",), to.ratio, "0..1",
          "part of the calls that are traced (default: 0.01)"),
    Field("trace_flagged_rate", ("--trace-flagged-rate",), ("TRACE_FLAGGED_RATE",), to.rate, "N",
          "calls a second that are traced besides because their callers set the flag (default: 10)"),
)  # fmt: skip
