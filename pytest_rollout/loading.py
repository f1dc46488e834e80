"""Loading: many requests at a service at once, and how long each of them took.

Closed, so many users each ask again when they were answered. Open, requests
are due at a fixed rate, and a request that waits for a free connection has
waited since it was due: a service that stalls cannot make its own waiting
invisible (no coordinated omission). Whatever is not answered well and in time
is an error. What comes out is a record of numbers, without any body.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import httpx

from pytest_rollout.errors import QuestionError

MOST_REQUESTS, MOST_AT_ONCE, MOST_SECONDS = 100_000, 1000, 3600.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be sent.

    Args:
        method: HTTP's.
        url: Whole, with its host.
        content: The body of each request.
        headers: Further headers of each; they are in no record.
        requests: How many are measured.
        at_once: How many are under way at the same time, at most.
        rate: So many a second are due, whatever was answered (open); None where each waits for its answer (closed).
        warm_up: So many are sent before, and not measured.
        timeout: Seconds after which one that was sent is an error.
        seconds: Seconds after which what was not answered is an error, sent or not.

    Raises:
        QuestionError: A number that makes no load, or one without end.
    """

    method: str
    url: str
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    requests: int
    at_once: int
    rate: float | None = None
    warm_up: int = 0
    timeout: float = 10.0
    seconds: float = 60.0

    def __post_init__(self) -> None:
        ranges = {
            "n": (self.requests, 1, MOST_REQUESTS),
            "at_once": (self.at_once, 1, MOST_AT_ONCE),
            "warm_up": (self.warm_up, 0, MOST_REQUESTS),
            "rate": (1.0 if self.rate is None else self.rate, 1e-3, 1e5),
            "timeout": (self.timeout, 1e-3, MOST_SECONDS),
            "seconds": (self.seconds, 1e-3, MOST_SECONDS),
        }
        for name, (number, least, most) in ranges.items():
            if not least <= number <= most:
                raise QuestionError(f"load: {name} is {number:g}, and lies between {least:g} and {most:g}")

    @property
    def told(self) -> str:
        """How much, in words: the same for two orders of the same load."""
        model = f"{self.at_once} at once" if self.rate is None else f"{self.rate:g} a second, {self.at_once} at once"
        limits = f"{self.timeout:g} s for each, {self.seconds:g} s for all"
        return f"{self.requests} requests, {model}, after {self.warm_up} to warm up, {limits}"


_TICK_SECONDS = 0.01


@dataclass
class _Lags:
    """By how much a clock that rings every 10 ms rang late: what the sender adds to a latency by itself."""

    count: int = 0
    total: float = 0.0

    async def watch(self) -> None:
        while True:
            due = time.perf_counter() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            self.count += 1
            self.total += max(0.0, time.perf_counter() - due)

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


@dataclass
class _Tally:
    """What came of the requests that are measured."""

    good: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    late: float = 0.0


def measured(order: Order) -> dict[str, object]:
    """Send the requests; the record of what came of them.

    Returns:
        `latencies_ms` of what was answered with 2xx, in their order of size;
        `errors` by kind, which together with them are all requests;
        `seconds` from the first to the last; `late_ms` by how much a request
        was sent after it was due, at most; `lag_ms`, by how much the sender
        itself was late on average, for want of a processor.

    Raises:
        QuestionError: An event loop runs already in this thread.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_sent(order))
    raise QuestionError("load is called from a plain function: it blocks, and would stop the event loop that runs here")


async def _sent(order: Order) -> dict[str, object]:
    # Reading certificates takes a while, so all users share them; without TLS nothing is trusted, and nothing asked.
    order = _with_name(order)
    secure = order.url.startswith("https:")
    trusted = httpx.create_ssl_context(trust_env=False) if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    users = [_User(order, trusted) for _ in range(min(order.at_once, max(order.requests, order.warm_up)))]
    try:
        if order.warm_up:
            await _round(users, order, order.warm_up, _Tally())
        tally, lags, began = _Tally(), _Lags(), time.perf_counter()
        watch = asyncio.create_task(lags.watch())
        await _round(users, order, order.requests, tally)
        seconds = time.perf_counter() - began
        watch.cancel()
    finally:
        await asyncio.gather(*(user.close() for user in users))
    missing = order.requests - len(tally.good) - tally.errors.total()
    if missing:
        tally.errors[f"not answered within {order.seconds:g} s"] += missing
    return {
        "latencies_ms": [round(each * 1000, 3) for each in sorted(tally.good)],
        "errors": dict(sorted(tally.errors.items())),
        "seconds": round(seconds, 4),
        "late_ms": round(tally.late * 1000, 3),
        "lag_ms": round(lags.mean * 1000, 3),
    }


def _with_name(order: Order) -> Order:
    """The order with a name and password of its address as a header, as a client would send them."""
    url = httpx.URL(order.url)
    if not url.userinfo:
        return order
    bare = httpx.Request(order.method, url.copy_with(userinfo=None))
    signed = next(httpx.BasicAuth(url.username, url.password).auth_flow(bare))
    headers = {"authorization": signed.headers["authorization"], **order.headers}
    return replace(order, url=str(bare.url), headers=headers)


async def _round(users: list[_User], order: Order, requests: int, tally: _Tally) -> None:
    """One turn of so many requests, ended when its time is over."""
    began = time.perf_counter()
    numbers = iter(range(requests))
    work = asyncio.gather(*(user.asks(numbers, began, tally) for user in users))
    with suppress(TimeoutError):  # what is missing then is counted by the caller
        async with asyncio.timeout(order.seconds):
            await work


class _User:
    """One connection, and the requests that go over it one after the other."""

    def __init__(self, order: Order, trusted: ssl.SSLContext) -> None:
        self._order = order
        self._url = httpx.URL(order.url)
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        self._transport = httpx.AsyncHTTPTransport(trust_env=False, limits=limits, verify=trusted)

    async def asks(self, numbers: Iterator[int], began: float, tally: _Tally) -> None:
        """Take the next request until there is none."""
        for number in numbers:
            due = time.perf_counter()
            if self._order.rate is not None:
                due = began + number / self._order.rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                tally.late = max(tally.late, time.perf_counter() - due)
            trouble = await self._trouble()
            if trouble:
                tally.errors[trouble] += 1
            else:
                tally.good.append(time.perf_counter() - due)

    async def _trouble(self) -> str:
        """Send one; what was wrong with its answer, empty for nothing."""
        order = self._order
        limits = dict.fromkeys(("connect", "read", "write", "pool"), order.timeout)
        request = httpx.Request(
            order.method, self._url, headers=order.headers, content=order.content, extensions={"timeout": limits}
        )
        try:
            async with asyncio.timeout(order.timeout):
                response = await self._transport.handle_async_request(request)
                async for _ in response.aiter_raw():
                    pass
                await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            return f"no answer within {order.timeout:g} s"
        except httpx.HTTPError as error:
            return type(error).__name__
        return "" if 200 <= response.status_code < 300 else f"status {response.status_code}"

    async def close(self) -> None:
        """Close the connection."""
        await self._transport.aclose()
