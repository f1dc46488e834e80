"""A number over HTTP: whatever the server does, a number or a sentence, in time."""

from __future__ import annotations

import json
import math
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from support.hostile_server import unused_url

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.http_json import HttpJsonSource
from pytest_rollout.sources.protocol import Question

TOKEN = "tok-5e1f"


@pytest.fixture
def source(hostile, at):
    """The hostile server as a source, at the run's instant."""
    return HttpJsonSource(Service.of({"url": hostile.url, "bearer": TOKEN}), now=lambda: at)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("hang-before-headers", "no answer within 0.5 s"),
        ("hang-after-headers", "no answer within 0.5 s"),
        ("drip-headers", "no answer within 0.5 s"),
        ("drip-body", "no answer within 0.5 s"),
        ("drip-error", "status 500: xxx"),
        ("huge", "larger than 5 MiB"),
        ("huge-headers", "RemoteProtocolError"),
        ("gzip-bomb", "larger than 5 MiB"),
        ("gzip-cut-off", "cut off"),
        ("gzip-not", "not gzip"),
        ("brotli", "encoding 'br' was not asked for"),
        ("redirect", "redirects to elsewhere.example (status 302)"),
        ("redirect-nowhere", ""),
        ("html", "HTML, not JSON"),
        ("invalid-utf8", "not UTF-8"),
        ("truncated", "not sound JSON"),
        ("cut-off", "RemoteProtocolError"),
        ("deep", "nested too deeply"),
        ("deep-objects", "nested too deeply"),
        ("duplicate", "the key 'value' is there twice"),
        ("too-large", "1e999 is too large"),
        ("long-number", "not sound JSON"),
        ("infinity", "'Infinity' is not a number"),
        ("boolean", "True is true or false, not a number"),
        ("text", "'1' is not a number"),
        ("error", "status 500: database is on fire"),
        ("unauthorised", "status 401: bad token"),
        ("no-content", "status 204"),
        ("partial", "status 206"),
        ("empty", "the answer is empty"),
        ("reset", "Error"),
        ("hang-up", "RemoteProtocolError"),
        ("no-http", "RemoteProtocolError"),
        ("old-cache", "header Age"),
    ],
)
def test_whatever_a_server_does_is_no_number(ask, source, hostile, path, says):
    """Every way to misbehave is a `SourceError` with its address, within the deadline."""
    # Shorter for those that only end by the clock; long where a slow machine still has to read megabytes.
    seconds = 0.5 if path.startswith(("hang-b", "hang-a", "drip")) else 20.0
    started = time.monotonic()

    with pytest.raises(SourceError) as caught:
        ask(source, f"/{path}?key=hunter2#value", timeout_seconds=seconds)

    assert time.monotonic() - started < 40
    assert str(caught.value).startswith(f"{hostile.url}/{path}: ")
    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_nothing_waits_behind_the_deadline(ask, source):
    """A server that drips its headers does not keep a thread of ours."""
    with pytest.raises(SourceError, match="no answer within"):
        ask(source, "/drip-headers#value", timeout_seconds=0.2)

    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-rollout-answer"]


def test_nobody_listens(ask, at):
    """A refused connection says so."""
    source = HttpJsonSource(Service.of({"url": unused_url()}), now=lambda: at)

    with pytest.raises(SourceError, match=r"ConnectError: .*refused"):
        ask(source, "/x#value")


def test_a_service_that_speaks_no_tls(ask, hostile, at):
    """A TLS error is a sentence too."""
    source = HttpJsonSource(Service.of({"url": hostile.url.replace("http:", "https:")}), now=lambda: at)

    with pytest.raises(SourceError, match="SSL"):
        ask(source, "/error#value")


def test_a_secret_that_the_server_echoes(ask, source, hostile):
    """Neither messages nor the evidence repeat our credentials."""
    hostile.reply("/echo", f"no such token: {TOKEN}", status="403 Forbidden")
    hostile.reply("/mirror", json.dumps({"value": 1, "you": TOKEN}))

    with pytest.raises(SourceError) as caught:
        ask(source, "/echo#value")
    answer = ask(source, "/mirror#value")

    assert "no such token: ***" in str(caught.value)
    assert TOKEN not in answer.body
    assert TOKEN not in repr(source)
    assert f"Authorization: Bearer {TOKEN}" in hostile.requests[0]


@pytest.mark.parametrize(
    ("document", "expression", "values"),
    [
        ({"value": 3}, "value", [3.0]),
        ({"a": {"b": [1, 2.5]}}, "a.b", [1.0, 2.5]),
        ({"a": [1, 2, 3]}, "length(a)", [3.0]),
        ({"value": 3}, "nothing", []),
        ({"value": None}, "value", []),
        ({"value": None}, "{value: value, at: value}", []),
        ({"value": []}, "value", []),
        ({"value": 3, "at": "2026-11-07T10:00:00+02:00"}, "@", [3.0]),
    ],
)
def test_an_expression_selects(ask, source, hostile, document, expression, values):
    """Numbers, `{value, at}` and lists of them; null and [] are empty."""
    hostile.reply("/stats", json.dumps(document))

    answer = ask(source, f"/stats?window=5m#{expression}")

    assert [sample.value for sample in answer.samples] == values
    assert "GET /stats?window=5m HTTP" in hostile.requests[0]


@pytest.mark.parametrize(
    ("document", "expression", "says"),
    [
        ('{"v": {"value": 1, "timestamp": 5}}', "v", "selects a mapping with the keys value, timestamp"),
        ('{"v": {"count": 1}}', "v", "select a number"),
        ('{"v": 1}', "v[", "JMESPath 'v['"),
        ('{"v": "x"}', "sum(v)", "JMESPath 'sum(v)'"),
        ('{"v": [3, NaN]}', "max(v)", "JMESPath 'max(v)'"),
        ('{"v": [[1]]}', "v", "a list of 1 is not a number"),
        ('{"v": 1, "at": "2026-11-07T09:00:00"}', "{value: v, at: at}", "has no offset from UTC"),
        ('{"v": 1, "at": 1793523600000}', "{value: v, at: at}", "is not a time"),
        ('{"v": 1, "at": "yesterday"}', "{value: v, at: at}", "is not a time"),
        ('{"v": 1, "at": true}', "{value: v, at: at}", "not a number"),
        (json.dumps({"v": [1] * 1001}), "v", "selects 1001 values"),
    ],
)
def test_an_expression_that_selects_no_number(ask, source, hostile, document, expression, says):
    """What is not a number, or not surely a time, is refused."""
    hostile.reply("/stats", document)

    with pytest.raises(SourceError) as caught:
        ask(source, f"/stats#{expression}")

    assert says in str(caught.value)


def test_nan_is_a_sample_that_is_nan(ask, source, hostile):
    """NaN arrives as NaN; what it means is decided elsewhere."""
    hostile.reply("/stats", '{"value": NaN}')

    (sample,) = ask(source, "/stats#value").samples

    assert math.isnan(sample.value)


@pytest.mark.parametrize(
    "query", ["stats#value", "/stats", "/stats#", "/stats# ", "#value", "", "@evil.example/#value"]
)
def test_a_query_is_path_and_expression(ask, source, hostile, query):
    """Anything else is refused before a connection is made."""
    with pytest.raises(SourceError, match="'/path#expression'"):
        ask(source, query)

    assert not hostile.requests


def test_the_time_of_a_value(ask, source, hostile, at):
    """Said by the value, or by a cache on the way, or now."""
    hostile.reply("/said", '{"value": 1, "at": 1793523600.5}')
    hostile.reply("/unsaid", '{"value": 1, "at": null}')
    hostile.reply("/cached", '{"value": 1}', "Age: 90")
    hostile.reply("/now", '{"value": 1}')

    said, unsaid, cached, now = (
        ask(source, query).samples[0].at for query in ("/said#@", "/unsaid#@", "/cached#value", "/now#value")
    )

    assert said.isoformat() == "2026-11-01T09:00:00.500000+00:00"
    assert unsaid is None
    assert cached == at - timedelta(seconds=90)
    assert now == at


@pytest.mark.parametrize("off", [timedelta(seconds=121), timedelta(days=-7)])
def test_a_service_that_knows_only_now(ask, hostile, at, off):
    """It is not asked about the past, and a clock that is wrong is noticed; with a time of its own it may be."""
    hostile.reply("/stats", '{"value": 1, "at": "2026-11-07T09:00:00Z"}')
    source = HttpJsonSource(Service.of({"url": hostile.url}), now=lambda: at + off)

    with pytest.raises(SourceError, match="answers for now only, not for 2026-11-07T09:00:00"):
        ask(source, "/stats#value")
    assert ask(source, "/stats#@").samples[0].at == at


def test_a_message_moves_no_cursor(ask, source, hostile):
    """Control characters of a server do not reach the terminal."""
    escape = "\x1b[2Jgreen\r"
    hostile.reply("/error", escape, status="500 No")
    hostile.reply("/keys", json.dumps({"v": {escape: 1}}))
    hostile.reply("/twice", '{"\\u001b[2J": 1, "\\u001b[2J": 2}')

    for query in ("/error#v", "/keys#v", "/twice#v"):
        with pytest.raises(SourceError) as caught:
            ask(source, query)
        assert str(caught.value).replace("\n", "").isprintable()


def test_gzip_is_read(ask, source, hostile):
    """An honest gzip answer is an answer."""
    import gzip

    hostile.reply("/packed", gzip.compress(b'{"value": 7}'), "Content-Encoding: gzip")

    assert ask(source, "/packed#value").samples[0].value == 7


def test_basic_authentication_and_a_base_path(ask, hostile, at):
    """`username` and `password`; the base URL's path is kept."""
    hostile.reply("/api/v1/stats", '{"value": 7}')
    options = {"url": f"{hostile.url}/api/", "username": "ada", "password": "hunter2"}
    source = HttpJsonSource(Service.of(options), now=lambda: at)

    assert ask(source, "/v1/stats#value").samples[0].value == 7
    assert "Authorization: Basic YWRhOmh1bnRlcjI=" in hostile.requests[0]
    assert "hunter2" not in repr(source)


def test_a_proxy_of_the_way_out_has_no_part_in_loopback(ask, source, hostile, monkeypatch):
    """The embedded world can be asked where HTTP_PROXY is set."""
    monkeypatch.setenv("HTTP_PROXY", unused_url())
    monkeypatch.setenv("ALL_PROXY", unused_url())
    hostile.reply("/stats", '{"value": 7}')

    assert ask(source, "/stats#value").samples[0].value == 7


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "option 'url' is not an address"),
        ({"url": "example.org"}, "option 'url' is not an address"),
        ({"url": "ftp://example.org"}, "option 'url' is not an address"),
        ({"url": "http://[::1"}, "option 'url' is not a URL"),
        ({"url": "http://example.org:99999"}, "option 'url' is not a URL"),
        ({"url": "https://ada:hunter2@example.org"}, "holds credentials"),
        ({"url": "https://example.org?key=hunter2"}, "is a base address"),
        ({"url": "https://example.org", "bearer": "hunter2\nX-Evil: 1"}, "option 'bearer' holds a line break"),
        ({"url": "https://example.org", "bearer": "hunter2é"}, "no token has"),
        ({"url": "https://example.org", "bearer": "hunter2", "username": "a", "password": "b"}, "both set"),
        ({"url": "https://example.org", "username": "a"}, "set together"),
        ({"url": {"a": "hunter2"}}, "option 'url' is a text"),
    ],
)
def test_options_that_cannot_be_meant(options, says):
    """Opening refuses them, and repeats no secret."""
    with pytest.raises(SourceError) as caught:
        KINDS["http_json"].open(options, Path())

    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_token_read_from_a_file_may_end_its_line():
    """The line end that `$(cat token)` in a secret store leaves is not part of the token."""
    assert Service.of({"url": "https://example.org", "bearer": "abc\n"}).authorization == "Bearer abc"


def test_a_series_over_time(source, hostile, at):
    """A list of numbers with their times: those of the window, open at its start, in their order."""
    taken = [at - timedelta(minutes=minutes) for minutes in (0, 10, 5, 15)]
    hostile.reply("/stats", json.dumps([{"value": n, "at": each.isoformat()} for n, each in enumerate(taken)]))

    answer = source.ask(Question(query="/stats#@", at=at, start=at - timedelta(minutes=10)))

    assert [(each.value, each.at) for each in answer.samples] == [(2, taken[2]), (0, taken[0])]


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([1, 2], "needs the time of each number"),
        ([{"value": 1, "at": None}], "needs the time of each number"),
        (
            [{"value": 1, "at": "2026-11-07T08:59:00Z"}, {"value": 2, "at": 1794041940}],
            "two values at 2026-11-07T08:59",
        ),
    ],
)
def test_a_series_that_is_none(source, hostile, at, document, says):
    """A number without a time has no place in a window, and two series are not one."""
    hostile.reply("/stats", json.dumps(document))

    with pytest.raises(SourceError, match=says):
        source.ask(Question(query="/stats#@", at=at, start=at - timedelta(hours=1)))


def test_no_histogram(source, hostile, at):
    """It has none, and says so before it asks."""
    with pytest.raises(SourceError, match="a source of kind 'http_json' has no histogram"):
        source.ask(Question(query="/stats#@", at=at, buckets=True))

    assert hostile.requests == []
