"""Load: `load("GET /health", n=1000, at_once=100)`, a bounded load test whose figures have bounds.

It goes to hosts that the environment names and to no other. What was measured
is written down once, and a replay is told the same numbers.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import httpx

from pytest_rollout.errors import QuestionError, RolloutError, SourceError, listed
from pytest_rollout.load_result import How, LoadResult, result_of
from pytest_rollout.loading import Order, measured
from pytest_rollout.provenance import Provenance

if TYPE_CHECKING:
    from pytest_rollout.claims import GateClaims
    from pytest_rollout.readings import Readings

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
_PATIENCE_SECONDS = 60.0


class Load:
    """The load tests of one gate.

    Args:
        readings: The environment, and the book of what was asked in this run.
        claims: What the gate has read and claimed.
        gate: Who asks; the same test of another gate is another test.
        at: The run's instant.
        confidence: Of each bound.
    """

    def __init__(self, readings: Readings, claims: GateClaims, *, gate: str, at: datetime, confidence: float) -> None:
        self._readings, self._claims, self._gate = readings, claims, gate
        self._at, self._confidence = at, confidence
        self._seen: Counter[tuple[str, ...]] = Counter()

    def __call__(
        self,
        what: str,
        *,
        n: int,
        at_once: int,
        rate: float | None = None,
        warm_up: int | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        seconds: float = 60.0,
        burst: float = 2.0,
    ) -> LoadResult:
        """Send requests, and say how they were answered.

        Args:
            what: `GET /path` of the environment's target, or a whole URL of a host that it names below `load`.
            n: How many requests are measured, at most 100 000.
            at_once: How many are under way together, at most 1000.
            rate: So many a second are due whatever was answered: latency counts from when a request was due.
                None: each user asks again when it was answered.
            warm_up: So many go before and are not measured; as many as `at_once` if not said.
            json: A body, as JSON.
            headers: Of each request; they are recorded nowhere.
            timeout: Seconds after which a request is an error.
            seconds: Seconds after which all that was not answered is an error, also what was not sent.
            burst: So many alike requests come together: n of them say as much as n / burst.

        Raises:
            QuestionError: A number that makes no load.
            RolloutError: A host that the environment does not name.
        """
        method, url = _split(what)
        content = b"" if json is None else _json(json)
        if not 1 <= burst < math.inf:
            raise QuestionError(f"load: burst is {burst:g}, and is 1 or more")
        order = Order(
            method=method,
            url=url,
            content=content,
            headers={**({"content-type": "application/json"} if content else {}), **(headers or {})},
            requests=n,
            at_once=at_once,
            rate=rate,
            warm_up=at_once if warm_up is None else warm_up,
            timeout=timeout,
            seconds=seconds,
        )
        told = f"{method} {httpx.URL(url).copy_with(userinfo=None, query=None)}"
        read = self._claims.read(told)
        provenance = Provenance(source="load", query=f"{told}, {order.told}", at=self._at)
        how = How(
            order=order,
            confidence=self._confidence,
            burst=burst,
            provenance=provenance,
            sources=frozenset({read}),
        )
        try:
            return result_of(told, how, self._recorded(order))
        except SourceError as error:
            how = replace(how, unknown=str(error), reason=error.reason)
            return LoadResult(told, n, (), {}, math.nan, how)

    def _recorded(self, order: Order) -> object:
        """What was measured, now or in the run that is replayed."""
        asked = (order.method, order.url, hashlib.sha256(order.content).hexdigest()[:16], order.told)
        self._seen[asked] += 1
        refused: list[RolloutError] = []

        def work() -> object:
            try:
                return measured(replace(order, url=self._whole(order.url)))
            except RolloutError as error:
                refused.append(error)
                raise

        key = ("load", self._gate, *asked, str(self._seen[asked]))
        try:
            return self._readings.answers.share(key, work, 2 * order.seconds + _PATIENCE_SECONDS)
        except SourceError:
            if refused:
                raise refused[0] from None
            raise

    def _whole(self, url: str) -> str:
        """The address with its host, which must be one that the environment names."""
        target, named = self._readings.target, self._readings.load_hosts
        if url.startswith("/"):
            if not target:
                raise RolloutError("the environment names no `target`: add `target: https://…` below environments")
            url = target.rstrip("/") + url
        if _origin(url) not in {_origin(each) for each in (target, *named) if each}:
            known = [f"{_shown(target)} (target)"] if target else []
            lines = [
                f"load: {_shown(url)} is no host that environment '{self._readings.environment}' names",
                f"hosts: {listed([*known, *map(_shown, named)])}",
                f"whoever answers for it may be loaded with: load: [{_shown(url)}] below environments",
            ]
            raise RolloutError("\n  ".join(lines))
        return url


def _split(what: str) -> tuple[str, str]:
    """`POST /path` as its two parts; GET where there is no method."""
    method, _, url = what.rpartition(" ")
    method = method or "GET"
    if method not in _METHODS or not url.startswith(("/", "http://", "https://")):
        raise QuestionError(f"load: {what!r} is not a method and a path, such as 'POST /api/query' or '/health'")
    return method, url


def _json(value: object) -> bytes:
    try:
        return json.dumps(value, allow_nan=False, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise QuestionError(f"load: the body is no JSON: {error}") from None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what two addresses share that are of one service."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def _shown(url: str) -> str:
    parsed = httpx.URL(url)
    return f"{parsed.scheme}://{parsed.netloc.decode('ascii').rpartition('@')[2]}"
