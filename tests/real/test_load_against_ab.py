"""The same load by `ab` (ApacheBench) and by us: the median latency agrees within 5 %.

The server answers after a second, by its own clock, so that what a sender
adds is small beside it. A busy machine slows both, each in its own moments:
the best of some turns is what each of them can see. Throughput is held
against the server's own figure: `ab` sends the last requests of so few one
after the other.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest

from pytest_rollout.loading import Order, measured

DELAY, REQUESTS, AT_ONCE, TURNS = 1.0, 8, 4, 6
SERVER = f"""
import asyncio

async def answer(reader, writer):
    try:
        while await reader.readuntil(b"\\r\\n\\r\\n"):
            await asyncio.sleep({DELAY})
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: keep-alive\\r\\n\\r\\nok")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def need(binary, *, package):
    """A program of a Debian package, as the other real servers are needed."""
    if shutil.which(binary) is None:
        line = f"no {binary} here: apt-get install -y --no-install-recommends {package}"
        pytest.fail(line, pytrace=False) if os.environ.get("CI") else pytest.skip(line)


@pytest.fixture
def url():
    """A server in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/"
        process.kill()


def by_ab(url):
    """The median in ms, as `ab` says it."""
    command = ["ab", "-q", "-k", "-n", str(REQUESTS), "-c", str(AT_ONCE), url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.search(rf"Complete requests: +{REQUESTS}\nFailed requests: +0\n", said), said
    return float(re.search(r"^ +50% +(\d+)$", said, re.MULTILINE)[1])


def by_us(url):
    """The median in ms, and answers a second."""
    found = measured(Order(method="GET", url=url, requests=REQUESTS, at_once=AT_ONCE))
    assert found["errors"] == {}
    return found["latencies_ms"][REQUESTS // 2 - 1], REQUESTS / found["seconds"]


def test_ab_measures_the_same(url):
    """Both see the delay that the server has, and neither sees it more than 5 % otherwise than the other."""
    need("ab", package="apache2-utils")
    theirs, medians, rates = [], [], []
    for _ in range(TURNS):
        theirs.append(by_ab(url))
        median, rate = by_us(url)
        medians.append(median)
        rates.append(rate)
        if min(medians) == pytest.approx(min(theirs), rel=0.05) and max(rates) >= 0.95 * AT_ONCE / DELAY:
            break

    assert min(medians) == pytest.approx(min(theirs), rel=0.05)
    assert 0.95 * AT_ONCE / DELAY <= max(rates) <= AT_ONCE / DELAY
    assert min(medians) >= 1000 * DELAY
