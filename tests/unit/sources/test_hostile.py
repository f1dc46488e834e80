"""Every way in which a service is hostile, tried at every source that speaks HTTP.

`CASES` is the table of docs/reliability.md, which is compared with it: what a
service does, and what each source says of it. TLS has a server of its own, in
tests/real/test_tls.py.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.hostile_server import answer, unused_url

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.sources.protocol import Question

SOURCES = ("http_json", "prometheus", "scrape", "flags")
QUERIES = {"http_json": "/stats#value", "prometheus": "max(up)", "scrape": "up"}
SECRETS = {"bearer": "tok-5e1f", "headers": {"X-Scope-OrgID": "team-alpha"}}
LATE = "no answer within"
NO_EXPOSITION = "answered HTML or JSON"
CASES = {
    "refuses": ("refuses the connection", ["Connection refused"]),
    "hang-before-headers": ("says nothing", [LATE]),
    "hang-after-headers": ("says nothing behind its headers", [LATE]),
    "drip-headers": ("drips its headers", [LATE]),
    "drip-body": ("drips its body", [LATE]),
    "huge": ("sends a body without end", ["larger than 5 MiB"]),
    "gzip-bomb": ("sends 200 MiB packed into 200 KiB", ["larger than 5 MiB"]),
    "redirect": ("redirects to another host", ["redirects to elsewhere.example"]),
    "redirect-loop": ("redirects to itself", ["redirects to the same host"]),
    "wrong-type": ("sends a picture", ["not UTF-8"]),
    "invalid-utf8": ("sends bytes that are no UTF-8", ["not UTF-8"]),
    "html": (
        "sends a login page with status 200",
        ["HTML, not JSON", "HTML, not JSON", NO_EXPOSITION, "HTML, not JSON"],
    ),
    "deep": ("nests without end", ["nested too deeply", "nested too deeply", NO_EXPOSITION, "nested too deeply"]),
    "duplicate": ("says a thing twice", ["there twice", "there twice", NO_EXPOSITION, "there twice"]),
    "too-large": (
        "says `1e999`",
        ["too large for a number", "too large for a number", NO_EXPOSITION, "too large for a number"],
    ),
    "reset": ("resets the connection midway", ["reset by peer"]),
    "cut-off": ("hangs up midway", ["RemoteProtocolError"]),
    "busy-for-long": ("answers 429: come back in an hour", ["it wants 3600 s, more than is left"]),
    "busy-for-ever": ("answers 503 whenever it is asked", ["it was asked 4 times"]),
    "error": ("answers 500", ["status 500: database"]),
    "unauthorised": ("answers 401", ["check the credentials"]),
}
"""What the server does: in words, and what is said of it, by all sources or by each."""


def said_by(source: str, words: list[str]) -> str:
    """What one source says of a case."""
    return words[SOURCES.index(source)] if len(words) > 1 else words[0]


def ask(source: str, url: str, seconds: float) -> object:
    """Ask a service as one of the sources that speak HTTP."""
    at = datetime.now(UTC)
    if source == "flags":
        return FLAG_KINDS["http"].open({"url": url, **SECRETS}, Path()).read(at, seconds)
    opened = KINDS[source].open({"url": url, **SECRETS}, Path())
    if source == "scrape":
        opened = replace(opened, interval=timedelta(seconds=0.05))
    return opened.ask(Question(query=QUERIES[source], at=at, timeout_seconds=seconds))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("case", CASES)
def test_a_hostile_service_is_no_number(hostile, source, case):
    """A sentence with the address and what was seen, in time, and no secret of ours in it."""
    url = unused_url() if case == "refuses" else f"{hostile.url}/{case}"
    seconds = 0.5 if case.startswith(("hang", "drip")) else 20.0

    with pytest.raises(SourceError) as caught:
        ask(source, url, seconds)

    text = str(caught.value)
    assert text.startswith(url)
    assert said_by(source, CASES[case][1]) in text
    assert "tok-5e1f" not in text
    assert "team-alpha" not in text
    assert all(line.isprintable() for line in text.splitlines())


def test_a_time_limit_is_said_as_a_person_would(hostile):
    """What is left of one for the first of two readings is no number with six digits."""
    with pytest.raises(SourceError, match=r"no answer within 0\.\d{1,3} s$"):
        ask("scrape", f"{hostile.url}/hang-before-headers", 0.3)


def numbers_of(case, turn):
    """What a service says that answers well every other time: the body that each source understands."""
    return {"http_json": '{"value": 1}', "flags": '{"value": 1}', "scrape": f"# TYPE up gauge\nup {turn}\n"}[case]


@pytest.mark.parametrize("source", SOURCES)
def test_a_flapping_service_is_a_number_or_none(hostile, source):
    """Answers and errors take turns; each question is told its own, and no answer is kept for the next."""
    turns = []

    def flaps(parameters):
        turns.append(parameters)
        broken = len(turns) > 6
        body = (
            '{"status": "success", "data": {"resultType": "vector", "result": []}}'
            if source == "prometheus"
            else numbers_of(source, len(turns))
        )
        return answer("down" if broken else body, status="500 No" if broken else "200 OK")

    for path in ("/x", "/x/stats", "/x/api/v1/query", "/x/api/v1/status/buildinfo"):
        hostile.script(path, flaps)

    assert ask(source, f"{hostile.url}/x", 20.0) is not None
    turns += [{}] * 6
    with pytest.raises(SourceError, match="status 500: down"):
        ask(source, f"{hostile.url}/x", 20.0)
    turns.clear()
    assert ask(source, f"{hostile.url}/x", 20.0) is not None
