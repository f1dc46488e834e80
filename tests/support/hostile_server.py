"""A server that does to its clients what servers do on a bad day.

Each path is one bad behaviour. Standard library only; on loopback; nothing
outlives the `with` block.
"""

from __future__ import annotations

import gzip
import socket
import socketserver
import struct
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import parse_qsl

JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


class HostileServer:
    """Serves `BEHAVIOURS`, also below them (`/html/api/v1/query`), and any path that was given to `reply` or `script`.

    What was asked is kept in `requests`, the body of a POST behind an empty line.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.replies: dict[str, bytes] = {}
        self.scripts: dict[str, Script] = {}
        self.over = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hostile = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def reply(self, path: str, body: bytes | str, *headers: str, status: str = "200 OK") -> None:
        """Answer `path` with this body from now on."""
        self.replies[path] = answer(body, *headers, status=status)

    def script(self, path: str, script: Script) -> None:
        """Answer `path` with what `script` makes of the request's parameters."""
        self.scripts[path] = script

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    hostile: HostileServer

    def handle_error(self, *_: object) -> None:
        """Clients hang up here; that is what they should do."""


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        hostile: HostileServer = self.server.hostile
        if self.rfile.peek(1)[:1] == b"\x16":  # a TLS client says hello to a server without TLS
            self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        lines = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            lines.append(line.decode("latin-1").rstrip())
        length = next((int(each[15:]) for each in lines if each.lower().startswith("content-length:")), 0)
        form = self.rfile.read(length).decode("latin-1")
        hostile.requests.append("\n".join([*lines, "", form] if form else lines))
        path, _, parameters = lines[0].split()[1].partition("?") if lines else ("/", "", "")
        if path in hostile.scripts:
            self.request.sendall(hostile.scripts[path](dict(parse_qsl(form or parameters))))
        elif path in hostile.replies:
            self.request.sendall(hostile.replies[path])
        else:
            BEHAVIOURS[path.split("/")[1]](self.request, hostile.over)


Behaviour = Callable[[socket.socket, threading.Event], None]
Script = Callable[[dict[str, str]], bytes]


def answer(body: bytes | str, *headers: str, status: str = "200 OK") -> bytes:
    """A whole HTTP answer."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _says(data: bytes) -> Behaviour:
    return lambda peer, over: peer.sendall(data)


def _body(data: bytes, *headers: bytes) -> Behaviour:
    return _says(b"".join([JSON, *(header + b"\r\n" for header in headers), b"\r\n", data]))


def _hangs_after(data: bytes) -> Behaviour:
    def behave(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(data)
        over.wait(60)

    return behave


def _drips(before: bytes, drop: bytes) -> Behaviour:
    def behave(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(before)
        while not over.wait(0.02):
            peer.sendall(drop)

    return behave


def _pours(before: bytes, wave: bytes) -> Behaviour:
    def behave(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(before)
        while not over.is_set():
            peer.sendall(wave)

    return behave


def _resets(peer: socket.socket, over: threading.Event) -> None:
    peer.sendall(JSON + b"Content-Length: 1000\r\n\r\n" + b'{"value": 1')
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def _status(line: str, *headers: str, body: str = "") -> Behaviour:
    text = "\r\n".join([f"HTTP/1.1 {line}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body])
    return _says(text.encode())


BEHAVIOURS: dict[str, Behaviour] = {
    "hang-before-headers": _hangs_after(b""),
    "hang-after-headers": _hangs_after(JSON + b"Content-Length: 10\r\n\r\n"),
    "drip-headers": _drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "drip-body": _drips(JSON + b"Content-Length: 100000\r\n\r\n", b" "),
    "drip-error": _drips(b"HTTP/1.1 500 No\r\nContent-Length: 100000\r\n\r\n", b"x"),
    "huge": _pours(JSON + b"\r\n", b" " * 65536),
    "huge-headers": _pours(b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 8000 + b"\r\n"),
    "gzip-bomb": _body(gzip.compress(b" " * (200 * 2**20)), b"Content-Encoding: gzip"),
    "gzip-cut-off": _body(gzip.compress(b'{"value": 1}')[:-4], b"Content-Encoding: gzip"),
    "gzip-not": _body(b'{"value": 1}', b"Content-Encoding: gzip"),
    "brotli": _body(b'{"value": 1}', b"Content-Encoding: br"),
    "redirect": _status("302 Found", "Location: https://elsewhere.example/login?token=hunter2"),
    "redirect-loop": _status("302 Found", "Location: /redirect-loop"),
    "redirect-nowhere": _status("307 Temporary Redirect", "Location: http://["),
    "html": _body(b"<!DOCTYPE html><title>Please log in</title>"),
    "invalid-utf8": _body(b'{"value": "\xff\xfe"}'),
    "truncated": _body(b'{"value": 1, "more": ['),
    "cut-off": _says(JSON + b"Content-Length: 1000\r\n\r\n" + b'{"value": 1}'),
    "deep": _body(b"[" * 100_000 + b"]" * 100_000),
    "deep-objects": _body(b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    "duplicate": _body(b'{"value": 99, "value": 1}'),
    "too-large": _body(b'{"value": 1e999}'),
    "long-number": _body(b'{"value": ' + b"9" * 100_000 + b"}"),
    "infinity": _body(b'{"value": Infinity}'),
    "boolean": _body(b'{"value": true}'),
    "text": _body(b'{"value": "1"}'),
    "error": _status("500 Internal Server Error", body="database\n  is on fire"),
    "unauthorised": _status("401 Unauthorized", body="bad token"),
    "busy-for-long": _status("429 Too Many Requests", "Retry-After: 3600", body="slow down"),
    "busy-for-ever": _status("503 Service Unavailable", "Retry-After: 0", body="try again"),
    "busy": _status("503 Service Unavailable", body="try again"),
    "wrong-type": _says(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n\x89PNG\r\n\x1a\n"),
    "plain-text": _says(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n# HELP up\nup 1\n"),
    "other-json": _body(b'{"value": {"value": [1]}}'),
    "list": _body(b"[]"),
    "no-content": _status("204 No Content"),
    "partial": _status("206 Partial Content", body='{"value": 1}'),
    "empty": _body(b""),
    "reset": _resets,
    "hang-up": lambda peer, over: peer.close(),
    "no-http": _says(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "old-cache": _body(b'{"value": 1}', b"Age: soon"),
}


def unused_url() -> str:
    """An address on loopback that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
