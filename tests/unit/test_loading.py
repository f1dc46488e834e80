"""What is sent, what comes back, and what never counts as a good answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter

import pytest

from pytest_rollout.errors import QuestionError
from pytest_rollout.loading import Order, measured


class Server:
    """A small HTTP server on loopback whose answers a test writes; it runs in a thread of its own."""

    def __init__(self, answer):
        self.answer, self.seen, self.open, self.most_open = answer, Counter(), 0, 0
        self._loop = asyncio.new_event_loop()
        started = threading.Event()

        async def listen():
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
            self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
            started.set()

        self._loop.create_task(listen())
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        assert started.wait(10)

    async def _serve(self, reader, writer):
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line[16:]) for line in head.lower().splitlines() if "content-length" in line), 0)
                body = await reader.readexactly(length)
                self.seen[head.split(" HTTP")[0], body] += 1
                status = await self.answer(sum(self.seen.values()))
                if status is None:
                    break
                writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n\r\nok".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    def close(self):
        self._loop.call_soon_threadsafe(self._server.close)


@pytest.fixture
def server():
    """Start servers by their answer: a function of how many requests there were, to a status or None."""
    started = []

    def start(answer):
        started.append(Server(answer))
        return started[-1]

    yield start
    for each in started:
        each.close()


async def well(_):
    return 200


def order(server, **more):
    return Order(**{"method": "GET", "url": f"{server.url}/x", "requests": 20, "at_once": 4, **more})


def test_every_request_is_sent_once_and_the_warm_up_is_not_counted(server):
    """20 that count, 6 that do not, over 4 connections."""
    there = server(well)

    found = measured(order(there, warm_up=6))

    assert len(found["latencies_ms"]) == 20
    assert found["errors"] == {}
    assert there.seen == {("GET /x", b""): 26}
    assert there.most_open == 4


def test_method_body_and_name_travel(server):
    """As they were ordered."""
    there = server(well)

    measured(order(there, method="POST", content=b'{"query": 1}', requests=3, at_once=1))

    assert there.seen == {("POST /x", b'{"query": 1}'): 3}


@pytest.mark.parametrize("status", [199 + 101, 404, 500, 503])
def test_only_2xx_is_an_answer(server, status):
    """A redirect, a mistake of ours and one of theirs are errors, by their status."""

    async def every_second(count):
        return status if count % 2 else 200

    found = measured(order(server(every_second), at_once=1))

    assert found["errors"] == {f"status {status}": 10}
    assert len(found["latencies_ms"]) == 10


def test_who_hangs_up_or_does_not_listen_has_not_answered(server):
    """Both are errors, and the next request has a connection again."""

    async def hangs_up(count):
        return 200 if count % 2 else None

    found = measured(order(server(hangs_up), at_once=1, requests=10))
    nobody = measured(Order(method="GET", url="http://127.0.0.1:9/", requests=3, at_once=2))

    assert sum(found["errors"].values()) == 5
    assert len(found["latencies_ms"]) == 5
    assert nobody["errors"] == {"ConnectError": 3}
    assert nobody["latencies_ms"] == []


def test_a_request_that_takes_too_long_is_an_error(server):
    """After its own time limit."""

    async def slow(count):
        await asyncio.sleep(5 if count == 2 else 0)
        return 200

    found = measured(order(server(slow), at_once=1, requests=5, timeout=0.3))

    assert found["errors"] == {"no answer within 0.3 s": 1}


def test_what_the_time_for_all_leaves_over_is_an_error_too(server):
    """Sent or not."""

    async def slow(_):
        await asyncio.sleep(0.2)
        return 200

    found = measured(order(server(slow), at_once=2, requests=100, seconds=0.5))

    left = found["errors"]["not answered within 0.5 s"]
    assert left == 100 - len(found["latencies_ms"])
    assert left >= 90


def test_a_stall_is_felt_by_everybody_who_was_due_in_it(server):
    """Open: a server that stops for half a second once is slow for all that were due then, not for one."""

    async def stalls(count):
        if count == 10:
            time.sleep(0.5)  # noqa: ASYNC251 - all of the server, on purpose
        return 200

    closed = measured(order(server(stalls), requests=100, at_once=1))
    opened = measured(order(server(stalls), requests=100, at_once=1, rate=100))

    assert sum(each > 250 for each in closed["latencies_ms"]) <= 2
    assert sum(each > 250 for each in opened["latencies_ms"]) >= 15
    assert opened["seconds"] >= 0.99


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests": 0},
        {"requests": 100_001},
        {"at_once": 0},
        {"at_once": 1001},
        {"warm_up": -1},
        {"rate": 0.0},
        {"timeout": 0},
        {"seconds": 3601},
        {"seconds": float("nan")},
    ],
)
def test_a_load_has_a_size_and_an_end(wrong):
    """Nothing, and what never ends, is refused."""
    with pytest.raises(QuestionError, match="lies between"):
        Order(**{"method": "GET", "url": "http://127.0.0.1/", "requests": 1, "at_once": 1, **wrong})


def test_a_name_and_password_in_the_address_are_sent_as_a_client_would(server):
    """As a header; what is in the record is numbers."""
    there = server(well)
    found = measured(order(there, url=there.url.replace("//", "//me:secret@") + "/x", requests=1, at_once=1))

    assert len(found["latencies_ms"]) == 1
    assert "secret" not in str(found)


def test_a_loop_that_runs_already_is_not_stopped():
    """In an async gate it would stand still."""

    async def inside():
        with pytest.raises(QuestionError, match="plain function"):
            measured(Order(method="GET", url="http://127.0.0.1:9/", requests=1, at_once=1))

    asyncio.run(inside())
