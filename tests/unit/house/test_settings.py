"""`read_settings`: flags win over variables, all problems come at once, no message has a password."""

from __future__ import annotations

import argparse

import pytest

from dungeonfighter.connection_strings import Database, parse_database
from dungeonfighter.errors import SettingsError
from dungeonfighter.setting_values import Address, Prometheus, is_loopback
from dungeonfighter.settings import (
    Settings,
    add_arguments,
    read_settings,
    readable_settings,
)


def test_the_defaults_serve_one_machine() -> None:
    settings = read_settings({}, {})
    assert settings == Settings()
    assert settings.host == "127.0.0.1"
    assert settings.database == Database("sqlite", path="dungeonfighter.db")


def test_a_flag_wins_over_its_variable() -> None:
    assert read_settings({"port": "1"}, {"DUNGEONFIGHTER_PORT": "2"}).port == 1


def test_an_empty_variable_is_not_given() -> None:
    assert read_settings({}, {"DUNGEONFIGHTER_PORT": ""}).port == 8000


def test_the_first_variable_wins() -> None:
    assert read_settings({}, {"INSTANCE_ID": "a", "POD_NAME": "b"}).instance_id == "a"
    assert read_settings({}, {"POD_NAME": "b"}).instance_id == "b"


def test_every_setting_has_a_flag_that_reaches_it() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    flags = vars(parser.parse_args(["--db", "memory://", "--log-format", "json", "--drain-seconds", "2.5"]))
    settings = read_settings(flags, {})
    assert (settings.database.kind, settings.log_format, settings.drain_seconds) == ("memory", "json", 2.5)


def test_all_problems_are_reported_together() -> None:
    environ = {
        "DUNGEONFIGHTER_HOST": "0.0.0.0",
        "DUNGEONFIGHTER_PORT": "eighty",
        "DB_CONNECTION_STRING": "oracle://x",
        "AUTH": "maybe",
        "DRAIN_SECONDS": "-1",
        "PUBLIC_URL": "https://example.org/path",
        "LOG_FORMAT": "xml",
        "COMMIT_TIMEOUT": "0",
        "INSTANCE_ID": "two words",
    }
    with pytest.raises(SettingsError) as caught:
        read_settings({}, environ)
    named = {problem.split(":")[0] for problem in caught.value.problems}
    assert named == set(environ) - {"DUNGEONFIGHTER_HOST"} | {"--host"}


@pytest.mark.parametrize(
    ("text", "database"),
    [
        ("sqlite:///a.db", Database("sqlite", path="a.db")),
        ("sqlite:////var/a.db", Database("sqlite", path="/var/a.db")),
        ("sqlite:///C:/games/a.db", Database("sqlite", path="C:/games/a.db")),
        ("sqlite:///with%20space.db", Database("sqlite", path="with space.db")),
        ("memory://", Database("memory")),
        ("postgres://u:p@h/d", Database("postgresql", url="postgresql://u:p@h/d")),
        (
            "postgresql://h:5433/d?sslmode=require",
            Database("postgresql", url="postgresql://h:5433/d?sslmode=require"),
        ),
        (
            "Host=db;Database=game;Username=u;Password=p@ss;SSL Mode=Require",
            Database("postgresql", url="postgresql://u:p%40ss@db:5432/game?sslmode=require"),
        ),
        ("server=db;port=6000;database=game", Database("postgresql", url="postgresql://db:6000/game")),
        (
            "postgresql://u@/game?host=/run/postgresql",
            Database("postgresql", url="postgresql://u@/game?host=/run/postgresql"),
        ),
        (
            "Host=/run/postgresql;Database=game;Username=u",
            Database("postgresql", url="postgresql://u@/game?host=/run/postgresql&port=5432"),
        ),
    ],
)
def test_connection_strings(text: str, database: Database) -> None:
    assert parse_database(text) == database


@pytest.mark.parametrize(
    "text",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "postgresql://",
        "postgresql://h",
        "Host=db",
        "a.db",
        "x://y",
    ],
)
def test_connection_strings_that_cannot_work(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^--db: "):
        read_settings({"database": text}, {}, stores=("sqlite", "memory", "postgresql"))


@pytest.mark.parametrize("text", ["http://a/", "a/b", "a, b c", "user@a", "*.example.org"])
def test_an_allowed_host_is_a_host_and_not_an_address(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--allowed-hosts: .* must be a host like game.example.org"):
        read_settings({"allowed_hosts": text}, {})


@pytest.mark.parametrize(
    "origin",
    [
        "https://b\u00fccher.example.org",
        "https://g\u0430me.example.org",  # a Cyrillic letter that looks like a Latin one
        "https://\u212aelvin.example.org",  # the Kelvin sign, whose lower case is an ASCII k
        "http\u017f://game.example.org",  # the long s, which matches an s if a pattern ignores case
        "https://game\uff0eexample.org",
        "https://game.example.org:\u0661",
    ],
)
@pytest.mark.parametrize("setting", ["public_url", "allowed_origins"])
def test_an_origin_outside_ascii_is_refused(setting: str, origin: str) -> None:
    with pytest.raises(SettingsError, match=r"origin in ASCII like https://xn--bcher-kva\.example\.org"):
        read_settings({setting: origin}, {})


@pytest.mark.parametrize(
    ("origin", "reason"),
    [
        ("*", "without a star"), ("https://*.example.org", "without a star"), ("null", "sandboxed"),
        ("NULL", "sandboxed"), ("game.example.org", "no path"), ("https://game.example.org/x", "no path"),
        ("https://game.example.org:99999", "no path"), ("https://a:b@game.example.org", "no path"),
        ("https://game..example.org", "no path"), ("ftp://game.example.org", "no path"),
        ("https://[::1", "no path"), ("https://game.example.org:", "no path"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("setting", ["public_url", "allowed_origins"])
def test_an_origin_that_no_browser_sends_is_refused(setting: str, origin: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        read_settings({setting: origin}, {})


@pytest.mark.parametrize("text", ["a:99999", "a..b", "[::1]x", "a:-1", ":80"])
def test_an_allowed_host_that_no_request_can_name_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="must be a host like"):
        read_settings({"allowed_hosts": text}, {})


def test_an_allowed_host_outside_ascii_is_refused() -> None:
    with pytest.raises(SettingsError, match="must be a host like"):
        read_settings({"allowed_hosts": "\u212aelvin.example.org"}, {})


def test_origins_are_lower_case_and_without_the_last_slash() -> None:
    given = "HTTPS://xn--BCHER-kva.example.org/, http://[::1]:8000"
    origins = read_settings({"allowed_origins": given}, {}).allowed_origins
    assert origins == ("https://xn--bcher-kva.example.org", "http://[::1]:8000")
    assert (
        read_settings({"public_url": "https://Game.example.org/"}, {}).public_url
        == "https://game.example.org"
    )


def test_allowed_hosts_may_have_ports() -> None:
    hosts = read_settings({"allowed_hosts": "A.example.org, b_c:80,[::1]:8000"}, {}).allowed_hosts
    assert hosts == ("a.example.org", "b_c:80", "[::1]:8000")


def test_the_help_shows_the_default_database_of_a_command() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, ("database",), "somewhere else")
    assert "(default: somewhere else)" in " ".join(parser.format_help().split())


def test_an_error_names_a_store_of_a_later_version() -> None:
    with pytest.raises(SettingsError, match="the postgresql store comes with a later version"):
        read_settings({"database": "postgresql://h/d"}, {})


@pytest.mark.parametrize("text", ["postgre://u:secret@h/d", "Hots=x;Password=secret;Database=d"])
def test_no_message_shows_a_password(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"database": text}, {})
    assert "secret" not in str(caught.value)
    assert "secret" not in parse_database("postgresql://u:secret@h/d").shown


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "a.localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert read_settings({"host": host.strip("[]")}, {}).host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "localhost.example.org", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(SettingsError, match="--host"):
        read_settings({"host": host}, {})


@pytest.mark.parametrize("prefix", ["-a", ".", "a b", "a/", "x" * 125])
def test_a_prefix_begins_bot_ids(prefix: str) -> None:
    assert read_settings({}, {"BOT_ID_PREFIX": "bot-1-"}).bot_id_prefix == "bot-1-"
    with pytest.raises(SettingsError, match="BOT_ID_PREFIX"):
        read_settings({}, {"BOT_ID_PREFIX": prefix})


def test_an_open_address_needs_access_control_or_consent() -> None:
    assert read_settings({"host": "0.0.0.0", "auth": "tokens"}, {}).notes == ()
    (note,) = read_settings({"host": "0.0.0.0"}, {"ALLOW_OPEN": "1"}).notes
    assert note.startswith("EVERYBODY")
    assert read_settings({}, {"ALLOW_OPEN": "1"}).notes == ()


def test_settings_without_effect_are_mentioned() -> None:
    assert read_settings({}, {"OTEL_TRACES_SAMPLER": "always_on"}).notes == (
        "OTEL_TRACES_SAMPLER has no effect in this version",
    )


def test_games_in_memory_cannot_be_shared_by_workers() -> None:
    with pytest.raises(SettingsError, match="--workers"):
        read_settings({"workers": "2", "database": "memory://"}, {})
    assert read_settings({"workers": "2"}, {}).workers == 2


JWT = {
    "AUTH": "jwt",
    "JWT_ISSUER": "https://login.example.org/Realm/",
    "JWKS_URL": "https://login.example.org/keys",
    "PUBLIC_URL": "https://game.example.org",
}


def test_an_issuer_is_kept_byte_for_byte() -> None:
    settings = read_settings({}, JWT | {"JWT_AUDIENCE": "client-1, https://game.example.org/mcp"})
    assert settings.jwt_issuer == "https://login.example.org/Realm/"
    assert settings.jwt_audience == ("client-1", "https://game.example.org/mcp")
    assert settings.notes == ()


def test_an_identity_provider_lets_the_server_listen_anywhere() -> None:
    assert read_settings({"host": "0.0.0.0"}, JWT).host == "0.0.0.0"


@pytest.mark.parametrize(
    ("missing", "flag"),
    [("JWT_ISSUER", "--jwt-issuer"), ("JWKS_URL", "--jwks-url"), ("PUBLIC_URL", "--public-url")],
)
def test_what_an_identity_provider_needs_is_demanded(missing: str, flag: str) -> None:
    with pytest.raises(SettingsError, match=f"^{flag}: --auth jwt needs it: write "):
        read_settings({}, {name: value for name, value in JWT.items() if name != missing})


@pytest.mark.parametrize(
    "address",
    [
        "login.example.org",
        "http://login.example.org",
        "ftp://login.example.org",
        "https://",
        "https://user:secret@login.example.org",
        "https://login.example.org/#keys",
        "https://login.example.org/a b",
        "https://login.example.org:99999",
        "https://[::1",
        "https://b\u00fccher.example.org",
    ],
)
@pytest.mark.parametrize("name", ["JWT_ISSUER", "JWKS_URL"])
def test_an_address_of_a_provider_is_secure(name: str, address: str) -> None:
    with pytest.raises(SettingsError, match=rf"^{name}: .* must be") as caught:
        read_settings({}, JWT | {name: address})
    assert len(caught.value.problems) == 1  # it does not count as missing besides


def test_an_address_of_a_provider_on_this_machine_may_be_plain() -> None:
    assert read_settings({}, JWT | {"JWKS_URL": "http://localhost:8080/keys"}).jwks_url


def test_settings_of_a_provider_without_it_have_no_effect() -> None:
    settings = read_settings({}, {"JWT_ISSUER": "https://login.example.org"})
    assert settings.notes == ("JWT_ISSUER has no effect without --auth jwt",)


def test_the_second_address_and_its_dangers() -> None:
    given = read_settings({}, {"ADMIN_LISTEN": "[::1]:9000"}).admin_listen
    assert given == ("::1", 9000)
    for text in ("9000", ":9000", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:x", "::1:9000", "[::1]"):
        with pytest.raises(SettingsError):
            read_settings({}, {"ADMIN_LISTEN": text})
    for flags, problem in (
        ({"admin_listen": "127.0.0.1:8000"}, "that of the game"),
        ({"admin_listen": "0.0.0.0:9000"}, "everybody could see every bot"),
    ):
        with pytest.raises(SettingsError) as caught:
            read_settings(flags, {})
        assert problem in str(caught.value)
    assert read_settings({"admin_listen": "0.0.0.0:9000", "auth": "tokens"}, {}).notes == ()
    assert "EVERYBODY" in read_settings({"admin_listen": "0.0.0.0:9000", "allow_open": "1"}, {}).notes[0]


def test_a_signing_key_is_long() -> None:
    assert read_settings({}, {"SIGNING_KEY": "k" * 16}).signing_key == "k" * 16
    with pytest.raises(SettingsError) as caught:
        read_settings({}, {"SIGNING_KEY": "hunter2"})
    assert "hunter2" not in str(caught.value)


def test_a_pool_beyond_the_useful_size_is_capped_with_a_note() -> None:
    given = read_settings({}, {"DB_POOL_SIZE": "100"})
    assert given.db_pool_size == 64
    assert given.notes == ("DB_POOL_SIZE: 100 counts as 64: more would be slower",)
    assert read_settings({}, {"DB_POOL_SIZE": "64"}).notes == ()
    with pytest.raises(SettingsError, match="DB_POOL_SIZE: '0' must be"):
        read_settings({}, {"DB_POOL_SIZE": "0"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9464", Prometheus(listen=Address("127.0.0.1", 9464))),
        ("[::1]:9464", Prometheus(listen=Address("::1", 9464))),
        ("/prometheus/metrics", Prometheus(path="/prometheus/metrics")),
        ("http://prometheus:9090", Prometheus(url="http://prometheus:9090")),
        ("https://prometheus:9090/", Prometheus(url="https://prometheus:9090")),
        ("http://p:9090/api/v1/otlp/v1/metrics", Prometheus(url="http://p:9090/api/v1/otlp/v1/metrics")),
    ],
)
def test_the_forms_of_a_prometheus_endpoint(text: str, expected: Prometheus) -> None:
    given = read_settings({}, {"PROMETHEUS_ENDPOINT": text})
    assert given.prometheus == expected
    assert expected.is_receiver == text.endswith("/v1/metrics")
    assert given.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "prometheus", ":9464", "/", "/a b", "/mcp", "/bots/a", "/api/summary", "ftp://prometheus:9090",
        "http://", "http://user:secret@prometheus:9090", "http://prometheus:99999", "http://prometheus/?a=b",
        "http://prom\u00e9theus",
    ],
)  # fmt: skip
def test_other_prometheus_endpoints_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="PROMETHEUS_ENDPOINT: ") as caught:
        read_settings({}, {"PROMETHEUS_ENDPOINT": text})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("environ", [{}, {"ADMIN_LISTEN": "127.0.0.1:9464"}])
def test_an_exporter_needs_a_port_of_its_own(environ: dict[str, str]) -> None:
    port = 9464 if environ else 8000
    with pytest.raises(SettingsError, match=f"--prometheus-endpoint: port {port} is in use"):
        read_settings({}, {"PROMETHEUS_ENDPOINT": f"127.0.0.1:{port}", **environ})


def test_settings_that_cannot_be_read_leave_the_others_readable() -> None:
    given, unreadable = readable_settings({"port": "x"}, {"WORKERS": "3", "AUTH": "maybe"})
    assert (given.workers, given.port, given.auth) == (3, 8000, "none")
    assert unreadable == {"port", "auth"}


def test_traces_have_the_names_of_opentelemetry() -> None:
    settings = read_settings(
        {},
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_HEADERS": "X-Api-Key=a%20b=, tenant=t",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=prod,team=a%2Cb",
            "OTEL_SERVICE_NAME": "my game",
            "OTEL_TRACES_SAMPLER_ARG": ".25",
        },
    )
    assert (settings.otlp_endpoint, settings.otlp_protocol) == ("http://collector:4318", "grpc")
    assert settings.otlp_headers == {"x-api-key": "a b=", "tenant": "t"}
    assert settings.resource_attributes == {"deployment.environment.name": "prod", "team": "a,b"}
    assert (settings.service_name, settings.trace_ratio) == ("my game", 0.25)
    assert settings.notes == ()
    assert "a b=" not in repr(settings)


@pytest.mark.parametrize(
    "address", ["collector:4318", "ftp://c", "http://user:Planted@c:4318", "http://c/?key=Planted", "http://"]
)
def test_the_address_of_a_collector_has_no_key(address: str) -> None:
    with pytest.raises(SettingsError, match="its key goes into OTEL_EXPORTER_OTLP_HEADERS") as caught:
        read_settings({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": address})
    assert "Planted" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["Planted", "=Planted", "a b=Planted", "a=Pl\nanted", "a=Pl\u00e4nted", "a="]
)
def test_a_header_for_a_collector_is_a_header(text: str) -> None:
    with pytest.raises(SettingsError, match=r"header 1 must be NAME=VALUE") as caught:
        read_settings({"otlp_headers": text}, {})
    assert "Planted" not in str(caught.value)


@pytest.mark.parametrize("text", ["1.1", "2", "-0.1", "1e-3", "0,5", "one", "0.0.1", "."])
def test_a_ratio_is_from_0_to_1(text: str) -> None:
    assert read_settings({"trace_ratio": "1", "otlp_endpoint": "http://c"}, {}).trace_ratio == 1.0
    with pytest.raises(SettingsError, match="must be a part from 0 to 1"):
        read_settings({"trace_ratio": text}, {})


def test_settings_of_traces_without_a_collector_have_no_effect() -> None:
    assert read_settings({}, {"OTEL_TRACES_SAMPLER_ARG": "1", "OTEL_SERVICE_NAME": "game"}).notes == (
        "OTEL_TRACES_SAMPLER_ARG has no effect without --otlp-endpoint",
    )
