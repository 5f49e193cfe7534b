"""`parse_database`: it knows every spelling, uses or names each key, and shows no password."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dungeonfighter.connection_strings import Database, Problem, parse_database


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("Host=::1;Database=g", "postgresql://[::1]:5432/g"),
        ("Host=[::1];Port=6000;Database=g", "postgresql://[::1]:6000/g"),
        ("Host=a:1,b:2;Database=g", "postgresql:///g?host=a,b&port=1,2"),
        ("Host=a,b;Port=1,2;Database=g", "postgresql:///g?host=a,b&port=1,2"),
        ("Host=a,[::1];Port=5;Database=g", "postgresql:///g?host=a,%5B%3A%3A1%5D&port=5,5"),
        ("Server=a;Database=g;Uid=u;Pwd='x;y''z'", "postgresql://u:x%3By%27z@a:5432/g"),
        ('Host=a;Database=g;User ID=u;Password="x;""=\'"', "postgresql://u:x%3B%22%3D%27@a:5432/g"),
        ("Host=a;Database=g;Password=x=y", "postgresql://a:5432/g"),
        ("Host=a;Database=g;SSL Mode=VerifyFull;Root Certificate=/c.pem",
         "postgresql://a:5432/g?sslmode=verify-full&sslrootcert=/c.pem"),
        ("Host=a;Database=g;SSL Mode=verify-ca;SSL Certificate=/c;SSL Key=/k;Passfile=/p",
         "postgresql://a:5432/g?sslmode=verify-ca&sslcert=/c&sslkey=/k&passfile=/p"),
        ("host=a port=1 dbname=g user=u password='p \\'q'", "postgresql://u:p%20%27q@a:1/g"),
        ("host=/run/pg dbname=g", "postgresql:///g?host=/run/pg"),
        ("postgresql://u@h1:1,h2:2/g", "postgresql://u@/g?host=h1,h2&port=1,2"),
        ("postgresql://u:p%40%2Fs@[::1]:5/g?sslmode=verify-full&sslrootcert=/r",
         "postgresql://u:p%40%2Fs@[::1]:5/g?sslmode=verify-full&sslrootcert=/r"),
        ("postgres:///g?host=/run/pg&target_session_attrs=read-write",
         "postgresql:///g?target_session_attrs=read-write&host=/run/pg"),
    ],
)  # fmt: skip
def test_each_spelling_becomes_one_url(text: str, url: str) -> None:
    expected = url.replace("//a:5432/g", "//:x%3Dy@a:5432/g") if text.endswith("x=y") else url
    assert parse_database(text).url == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Host=a;Port=abc;Database=g", "port that is no number"),
        ("Host=a;Port=1,2;Database=g", "one port for all hosts"),
        ("Host=a;Database=g;Colour=red", "Colour"),
        ("postgresql://h/g?colour=red", "colour"),
        ("host=a dbname=g colour=red", "colour"),
        ("Host=a;Database=g;SSL Mode=maybe", "sslmode must be"),
        ("Host=1:2:3;Database=g", "no IPv6 address"),
        ("Host=a;Database=g;Password=secret;secret2", "not key=value|may be part of a password"),
        ("Host=a;Database=g;Password=x;secret=y", "may be part of a password"),
        ("postgresql://u:secret@h:port/g", "port"),
    ],
)
def test_an_error_names_the_problem_without_any_password(text: str, message: str) -> None:
    with pytest.raises(Problem, match=message) as caught:
        parse_database(text)
    assert "secret" not in str(caught.value)


def test_a_parameter_without_effect_is_a_note() -> None:
    database = parse_database("Host=a;Database=g;Keepalive=30;Application Name=x")
    assert [note.partition(" in ")[0] for note in database.notes] == ["Keepalive", "Application Name"]


_WORDS = st.sampled_from(
    ["Host=", "Port=", "host=", "dbname=", "Database=", "Password=", "postgresql://", "sqlite:///", "a",
     "[", "]", "::1", ":", "/", "?", "&", ";", " ", "=", "\"", "'", "\\", ",", "%", "%ff", "@", "#", "\0",
     "\ud800", "1"]
)  # fmt: skip


@example("POSTGRES")
@example("sqlite")
@settings(deadline=None)
@given(st.one_of(st.text(), st.lists(_WORDS, max_size=20).map("".join)))
def test_any_text_is_a_database_or_a_problem(text: str) -> None:
    with contextlib.suppress(Problem):
        database = parse_database(text)
        assert isinstance(database, Database)
        assert database.shown
