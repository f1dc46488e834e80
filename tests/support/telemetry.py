"""What the real servers hold: two hours that are known to the last sample, and a service that is scraped live.

Each series is named for how it ends:

    steady      a sample every 15 s, up to 5 s before `end`; its value counts the samples
    stopped     the same, up to 240 s before `end`: inside the five minutes that Prometheus repeats it
    dead        the same, up to 1200 s before `end`
    orders      a counter of two pods
    latency     a classic histogram: of each 10 observations 3 within 0.1, 7 within 0.5
"""

from __future__ import annotations

import http.server
import struct
import threading
from contextlib import contextmanager

STEP = 15
LENGTH = 7200
LAST = {"steady": 5, "stopped": 240, "dead": 1200}
NATIVE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"


def rows(end):
    """Every sample: name with labels, value, seconds since 1970; ordered by name, then by time."""
    for name, last in LAST.items():
        times = range(end - last - STEP * ((LENGTH - last) // STEP), end - last + 1, STEP)
        yield from ((name, count, at) for count, at in enumerate(times))
    times = range(end - 5 - STEP * (LENGTH // STEP), end - 4, STEP)
    for pod, by in (("a", 2), ("b", 4)):
        yield from ((f'orders_total{{pod="{pod}"}}', count * by, at) for count, at in enumerate(times))
    for le, by in (("0.1", 3), ("0.5", 7), ("+Inf", 10)):
        yield from ((f'latency_seconds_bucket{{le="{le}"}}', count * by, at) for count, at in enumerate(times))


def openmetrics(end):
    """For `promtool tsdb create-blocks-from openmetrics`."""
    return "".join(f"{name} {value} {at}\n" for name, value, at in rows(end)) + "# EOF\n"


def exposition(end):
    """For VictoriaMetrics' import, whose times are milliseconds."""
    return "".join(f"{name} {value} {at * 1000}\n" for name, value, at in rows(end))


@contextmanager
def scraped():
    """A service whose gauge `live` is 7, and which has a native histogram; gives host and port."""
    server = _Quiet(("127.0.0.1", 0), _Metrics)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A server that was stopped hangs up. Nobody reads of it, and in Python 3.11 a traceback that is printed in
        one thread breaks `ast.parse` in another: both count how deep they are in one place."""


class _Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        native = "protobuf" in self.headers.get("Accept", "")
        body = _families() if native else b"# TYPE live gauge\nlive 7\n"
        self.send_response(200)
        self.send_header("Content-Type", NATIVE if native else "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Tests print what matters."""


def _families():
    """A gauge, and a native histogram of schema 0: 2 near zero, 3 in (1, 2] and 4 in (2, 4]."""
    gauge = _field(4, _field(2, _double(1, 7.0)))
    span = _number(1, _zigzag(1)) + _number(2, 2)
    counts = _number(13, _zigzag(3)) + _number(13, _zigzag(1))
    histogram = (
        _number(1, 9) + _double(2, 17.0) + _number(5, _zigzag(0)) + _double(6, 0.001) + _number(7, 2)
        + _field(12, span) + counts
    )  # fmt: skip
    families = [
        _field(1, b"live") + _number(3, 1) + gauge,
        _field(1, b"sizes") + _number(3, 4) + _field(4, _field(7, histogram)),
    ]
    return b"".join(_varint(len(family)) + family for family in families)


def _varint(number):
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def _zigzag(number):
    return number << 1 if number >= 0 else (-number << 1) - 1


def _number(place, value):
    return _varint(place << 3) + _varint(value)


def _double(place, value):
    return _varint(place << 3 | 1) + struct.pack("<d", value)


def _field(place, content):
    return _varint(place << 3 | 2) + _varint(len(content)) + content
