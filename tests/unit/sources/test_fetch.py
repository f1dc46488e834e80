"""Fetching: whoever answers, a body or a sentence, in time, and nothing of ours goes elsewhere."""

from __future__ import annotations

import gc
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from support.hostile_server import HostileServer, answer

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.body import retry_after_of, skew_of
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.refusals import StatusError

QUERIES = {"http_json": "/stats#value", "prometheus": "max(up)"}
SECRETS = {"bearer": "tok-5e1f", "headers": {"X-Scope-OrgID": "team-alpha"}}


@pytest.fixture(params=sorted(QUERIES))
def asked(request, hostile, ask):
    """Ask the hostile server, behind a base address, as one of the kinds that speak HTTP."""

    def asked(path, *, timeout_seconds=20.0):
        source = KINDS[request.param].open({"url": f"{hostile.url}/{path}", **SECRETS}, Path())
        return ask(source, QUERIES[request.param], timeout_seconds=timeout_seconds)

    return asked


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
        ("redirect-loop", "redirects to the same host (status 302)"),
        ("html", "HTML, not JSON"),
        ("plain-text", "not sound JSON"),
        ("invalid-utf8", "not UTF-8"),
        ("truncated", "not sound JSON"),
        ("cut-off", "RemoteProtocolError"),
        ("deep", "nested too deeply"),
        ("deep-objects", "nested too deeply"),
        ("duplicate", "the key 'value' is there twice"),
        ("too-large", "1e999 is too large"),
        ("long-number", "not sound JSON"),
        ("other-json", ""),
        ("error", "status 500: database is on fire"),
        ("unauthorised", "status 401: bad token\ncheck the credentials"),
        ("busy", "status 503: try again"),
        ("busy-for-long", "status 429: slow down\nit wants 3600 s, more than is left (Retry-After)"),
        ("busy-for-ever", "status 503: try again\nit was asked 4 times (Retry-After)"),
        ("no-content", "status 204"),
        ("empty", "the answer is empty"),
        ("reset", "Error"),
        ("hang-up", "RemoteProtocolError"),
        ("no-http", "RemoteProtocolError"),
        ("old-cache", "header Age"),
    ],
)
def test_whatever_a_server_does_is_no_number(asked, hostile, path, says):
    """Every way to misbehave is a `SourceError` with its address, in time, for each kind that speaks HTTP."""
    seconds = 0.5 if path.startswith(("hang-b", "hang-a", "drip")) else 20.0
    started = time.monotonic()

    with pytest.raises(SourceError) as caught:
        asked(path, timeout_seconds=seconds)

    assert time.monotonic() - started < 40
    assert str(caught.value).startswith(f"{hostile.url}/{path}/")
    assert says in str(caught.value)
    assert "tok-5e1f" not in str(caught.value)
    assert "team-alpha" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_memory_stays_small():
    """An endless body, a bomb and deep JSON are read by a process that stays below 200 MB."""
    code = (
        "import re, sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from pytest_rollout.errors import SourceError\n"
        "from pytest_rollout.sources import KINDS\n"
        "from pytest_rollout.sources.protocol import Question\n"
        "for kind, query in (('http_json', '/x#value'), ('prometheus', 'up')):\n"
        "    for path in ('huge', 'gzip-bomb', 'deep', 'deep-objects', 'huge-headers'):\n"
        "        source = KINDS[kind].open({'url': f'{sys.argv[1]}/{path}'}, Path())\n"
        "        try: source.ask(Question(query=query, at=datetime.now(UTC), timeout_seconds=60))\n"
        "        except SourceError: print('refused', end=' ')\n"
        # getrusage would say how large its parent, pytest, was when it was forked.
        "print(int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]) // 1024)"
    )
    folder = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(folder.parent)}
    # The server is a process of its own, too: its bomb must not count.
    server = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import support.hostile_server as h, sys\nwith h.HostileServer() as s: print(s.url, flush=True); input()",
        ],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with server:
        result = subprocess.run(
            [sys.executable, "-c", code, server.stdout.readline().strip()],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        server.communicate("\n")

    *refused, megabytes = result.stdout.split()
    assert refused == ["refused"] * 10
    assert int(megabytes) < 200


def test_credentials_go_to_no_other_host(asked, hostile):
    """A redirect to another host is not followed: it hears nothing at all."""
    with HostileServer() as other:
        for path in ("/moved/stats", "/moved/api/v1/query"):
            hostile.reply(path, "", f"Location: {other.url}/stats", status="307 Temporary Redirect")
        with pytest.raises(SourceError, match=r"redirects to 127.0.0.1 \(status 307\), which is not followed"):
            asked("moved")

        assert "Authorization: Bearer tok-5e1f" in hostile.requests[-1]
        assert "X-Scope-OrgID: team-alpha" in hostile.requests[-1]
        assert other.requests == []


def test_a_busy_service_is_asked_again(hostile):
    """429 and 503 with Retry-After, then an answer; other statuses are not asked again."""
    statuses = ["429 Too Many Requests", "503 Service Unavailable", "200 OK"]
    hostile.script("/x", lambda _: answer("{}", "Retry-After: 0", status=statuses.pop(0)))
    hostile.reply("/broken", "", "Retry-After: 0", status="500 No")
    service = Service.of({"url": hostile.url})

    assert service.get("/x", 5).content == b"{}"
    assert len(hostile.requests) == 3
    with pytest.raises(StatusError, match="status 500"):
        service.get("/broken", 5)
    assert len(hostile.requests) == 4


def test_a_flapping_service_is_one_answer_each_time(hostile):
    """Every second answer is an error, and is told as such: nothing of one question is left to the next."""
    turns = [("200 OK", '{"n": 1}'), ("500 No", "down"), ("200 OK", '{"n": 2}'), ("502 Bad Gateway", "down")]

    def take_turns(_):
        status, body = turns.pop(0)
        return answer(body, status=status)

    hostile.script("/x", take_turns)
    service = Service.of({"url": hostile.url})

    found = []
    for _ in range(4):
        try:
            found.append(json.loads(service.get("/x", 5).content)["n"])
        except StatusError as error:
            found.append(error.status)

    assert found == [1, 500, 2, 502]


@contextmanager
def serving(**settings):
    """A server that keeps its connections open; counts them, and closes them silently when told to."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        connections: ClassVar = []
        cookies: ClassVar = []

        def setup(self):
            super().setup()
            self.connections.append(self)

        def do_GET(self):
            self.cookies.append(self.headers.get("Cookie"))
            if self.path == "/hang":
                time.sleep(2)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.send_header("Set-Cookie", "session=1")
            self.end_headers()
            self.wfile.write(b"{}")
            self.close_connection = settings.get("silently_closed", False)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # who hangs up is no error, and a traceback breaks `ast.parse` elsewhere
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", Handler
    finally:
        server.shutdown()
        server.server_close()


def test_a_connection_serves_many_questions():
    """One connection for questions that follow each other, no more than one a thread, and no cookie is kept."""
    with serving() as (url, handler):
        service = Service.of({"url": url})
        for _ in range(20):
            service.get("/", 5)
        one_after_another = len(handler.connections)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: service.get("/", 5), range(40)))

        assert one_after_another == 1
        assert len(handler.connections) <= 4
        assert set(handler.cookies) == {None}


def test_a_connection_that_was_closed_meanwhile_is_made_anew():
    """A server, or a proxy before it, may close what is idle; that is no failure."""
    with serving(silently_closed=True) as (url, handler):
        service = Service.of({"url": url})

        for _ in range(20):
            assert service.get("/", 5).content == b"{}"

        assert len(handler.connections) == 20


def test_a_question_that_is_ended_disturbs_no_other():
    """One thread runs into its deadline while others, of the same service, are answered."""
    with serving() as (url, _):
        service = Service.of({"url": url})
        with ThreadPoolExecutor(5) as pool:
            hanging = pool.submit(service.get, "/hang", 0.4)
            others = [pool.submit(service.get, "/", 10) for _ in range(40)]
            with pytest.raises(SourceError, match=r"no answer within 0.4 s"):
                hanging.result()

            assert [each.result().content for each in others] == [b"{}"] * 40


def test_a_service_that_is_dropped_leaves_no_socket():
    """Python warns of sockets that nobody closed, and a test suite may make an error of it."""
    with serving() as (url, _), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        service = Service.of({"url": url})
        service.get("/", 5)
        del service
        gc.collect()

        assert [
            each for each in caught if issubclass(each.category, ResourceWarning) and "127.0.0.1" in str(each)
        ] == []


def test_a_long_question_is_posted(hostile):
    """A form, with the same credentials."""
    hostile.reply("/x", "{}")

    Service.of({"url": hostile.url, **SECRETS}).ask("/x", {"query": "a b"}, 5)

    (request,) = hostile.requests
    assert request.startswith("POST /x HTTP/1.1")
    assert request.endswith("\n\nquery=a+b")
    assert "Authorization: Bearer tok-5e1f" in request


def test_headers_are_secrets(hostile):
    """A value that comes back is hidden; a short one is no secret, and evidence of stars no evidence."""
    hostile.reply("/x", 'no access for team-"alpha", nor for 17', status="403 Forbidden")
    service = Service.of({"url": hostile.url, "headers": {"X-Api-Key": 'team-"alpha"', "X-Scope-OrgID": "17"}})

    with pytest.raises(StatusError, match=r"no access for \*\*\*, nor for 17\nthe credentials do not suffice"):
        service.get("/x", 5)

    assert "X-Scope-OrgID: 17" in hostile.requests[0]
    assert service.redacted(json.dumps({"you": 'team-"alpha"'})) == '{"you": "***"}'
    assert "alpha" not in repr(service)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"headers": "X-A: hunter2"}, "option 'headers' is a mapping"),
        ({"headers": {"X A": "hunter2"}}, "'X A' is no name of a header"),
        ({"headers": {"Host": "hunter2"}}, "Host is set by pytest-rollout itself"),
        ({"headers": {"X-A": "hunter2\nX-B: c"}}, "the value of X-A is not one line"),
        ({"headers": {"X-A": ""}}, "the value of X-A is not one line"),
        ({"headers": {"X-A": ["hunter2"]}}, "the value of X-A is not one line"),
        ({"headers": {"X-A": "hunter2", "x-a": "b"}}, "names a header twice"),
        ({"headers": {"authorization": "hunter2"}, "bearer": "hunter2"}, "sets Authorization"),
        ({"client_key": "key.pem"}, "'client_key' is set without 'client_cert'"),
        ({"ca_file": "-----BEGIN CERTIFICATE-----\nhunter2"}, "is the path of a PEM file, not its content"),
    ],
)
@pytest.mark.parametrize("kind", sorted(QUERIES))
def test_options_that_cannot_be_meant(kind, options, says):
    """Opening refuses them, and repeats no secret."""
    with pytest.raises(SourceError) as caught:
        KINDS[kind].open({"url": "https://example.org", **options}, Path())

    assert says in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"ca_file": "missing.pem"}, "option 'ca_file': there is no such file: "),
        ({"ca_file": "text.pem"}, "option 'ca_file' cannot be used: "),
        ({"client_cert": "text.pem"}, "option 'client_cert' cannot be used: "),
        ({"client_cert": "text.pem", "client_key": "missing.pem"}, "option 'client_key': there is no such file: "),
    ],
)
def test_certificates_that_cannot_be_used(tmp_path, hostile, options, says):
    """Files start from the plan's folder, and are read with the first question."""
    (tmp_path / "text.pem").write_text("hello")
    service = Service.of({"url": hostile.url.replace("http:", "https:"), **options}, tmp_path)

    with pytest.raises(SourceError) as caught:
        service.get("/x", 5)

    assert str(caught.value).startswith(says)
    assert hostile.requests == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"date": "Sat, 07 Nov 2026 09:00:30 GMT"}, 29.5),
        ({"date": "Sat, 07 Nov 2026 09:00:30 GMT", "age": "0"}, 29.5),
        ({"date": "Sat, 07 Nov 2026 09:00:30 GMT", "age": "5"}, None),
        ({"date": "yesterday"}, None),
        ({}, None),
    ],
)
def test_how_far_a_clock_is_ahead(at, headers, seconds):
    """From the header Date, half a second up for what it cuts off, against the middle of question and answer."""
    skew = skew_of(headers, at, at + timedelta(seconds=2))

    assert skew == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Sat, 07 Nov 2026 09:00:30 GMT", 30),
        ("Sat, 07 Nov 2026 08:00:00 GMT", 0),
        ("9" * 400, 999_999_999),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_when_a_service_wants_to_be_asked_again(at, header, seconds):
    """Seconds or a date; anything else says nothing."""
    assert retry_after_of({"retry-after": header}, at) == seconds


def test_the_skew_of_an_answer(hostile):
    """Measured with the clock that is given."""
    hostile.reply("/x", "{}", "Date: Sat, 07 Nov 2026 09:00:30 GMT")
    service = Service(hostile.url, now=lambda: datetime(2026, 11, 7, 9, 1, tzinfo=UTC))

    assert service.get("/x", 5).skew == timedelta(seconds=-29.5)
