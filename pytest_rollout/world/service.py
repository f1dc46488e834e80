"""The service: a world's routes and flags over real HTTP/1.1 on loopback.

Connections stay open, answers leave in one piece, and nothing is logged but
the errors of routes. It is a test double: it listens on 127.0.0.1 only.
"""

from __future__ import annotations

import copy
import errno
import json
import os
import socketserver
import threading
import time
import traceback
from datetime import datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from pytest_rollout.errors import WorldError, listed
from pytest_rollout.world.alerts import rules_answer
from pytest_rollout.world.exposition import CONTENT_TYPE, exposed
from pytest_rollout.world.model import Call, Reply, World
from pytest_rollout.world.switches import Switches

_HOST = "127.0.0.1"
_DIED = 70
ALERTS_PATH = "/prometheus"
METRICS_PATH = "/metrics"


class Service(ThreadingHTTPServer):
    """One world that answers requests, each connection in a thread of its own."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, world: World, *, at: datetime, port: int = 0, dies_at: str = "", flags_file: Path | None = None
    ) -> None:
        self.world = world
        self.at = at
        self.dies_at = dies_at
        self.state: dict[str, object] = copy.deepcopy(dict(world.state))
        self.switches = Switches(world.flags, flags_file)
        self._began = time.time(), time.monotonic()
        self._connected = 0
        self._counting = threading.Lock()
        try:
            super().__init__((_HOST, port), _Handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise WorldError(f"port {port} of {_HOST} is taken: choose another, or none, for a free one") from error

    @property
    def flags(self) -> dict[str, object]:
        """The flags as they are now."""
        return self.switches.live

    @property
    def url(self) -> str:
        """Where the service is, without a path."""
        return f"http://{_HOST}:{self.server_address[1]}"

    def server_bind(self) -> None:
        """Bind without the look-up of a host name that http.server does, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, int(self.server_address[1])

    def connected(self, more: int) -> None:
        """A client connected (1) or left (-1)."""
        with self._counting:
            self._connected += more

    def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """What a request is answered with; a route that raises is a 500 that says so."""
        if self.dies_at and path == self.dies_at:
            os._exit(_DIED)  # like a crash: no answer, no cleaning up
        self.switches.load()
        try:
            return self._answered(method, path, query, body)
        finally:
            self.switches.save()

    def _answered(self, method: str, path: str, query: str, body: bytes) -> Reply:
        if path == "/flags" or path.startswith("/flags/"):
            return self._flags_reply(method, unquote(path.removeprefix("/flags").lstrip("/")), body)
        own = self._own_route(path) if method == "GET" else None
        if own is not None:
            return own
        route = self.world.routes.get(f"{method} {path}")
        if route is None:
            return _problem(404, f"no route '{method} {path}'; routes: {listed(self.world.routes)}")
        try:
            call = Call(
                method=method,
                path=path,
                query=dict(parse_qsl(query, keep_blank_values=True)),
                body=json.loads(body) if body else None,
                at=self.at,
                state=self.state,
                flags=self.flags,
                connections=self._connected,
            )
            answer = route(call)
        except Exception as error:  # noqa: BLE001 - whatever a route raises is the service's own failure
            traceback.print_exc()
            return _problem(500, f"{type(error).__name__}: {error}")
        return answer if isinstance(answer, Reply) else Reply(answer)

    def _own_route(self, path: str) -> Reply | None:
        """The answer of a route that worlds bring themselves; None where there is none."""
        if path == METRICS_PATH and self.world.exposition:
            since, moment = self._began
            text = exposed(self.world.exposition, time.monotonic() - moment, since, self.state)
            return Reply(text, content_type=CONTENT_TYPE)
        if path == f"{ALERTS_PATH}/api/v1/rules" and self.world.alerts:
            return Reply(rules_answer(self.world.alerts, self.world.name, self.at))
        return None

    def _flags_reply(self, method: str, name: str, body: bytes) -> Reply:
        if not name:
            return Reply(self.flags) if method == "GET" else _problem(405, "PUT /flags/NAME sets a flag")
        if name not in self.flags:
            return _problem(404, f"no flag '{name}'; flags: {listed(self.flags)}")
        if method == "PUT":
            try:
                self.flags[name] = json.loads(body)
            except ValueError:
                return _problem(400, 'the value of a flag is JSON: true, 15, 0.15, "text"')
        return Reply(self.flags[name]) if method in {"GET", "PUT"} else _problem(405, "a flag has GET and PUT")


class _Handler(BaseHTTPRequestHandler):
    """HTTP to `Service.answer` and back."""

    server: Service
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """All requests of one connection."""
        self.server.connected(1)
        try:
            super().handle()
        finally:
            self.server.connected(-1)

    def _reply(self) -> None:
        length = self.headers.get("Content-Length", "0")
        body = self.rfile.read(int(length)) if length.isdigit() else b""
        parts = urlsplit(self.path)
        reply = self.server.answer(self.command, parts.path, parts.query, body)
        content = _encoded(reply)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _reply  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing: the run's output belongs to the gates."""


def _encoded(reply: Reply) -> bytes:
    if reply.content_type == "application/json":
        return json.dumps(reply.body).encode()
    return str(reply.body).encode()


def _problem(status: int, what: str) -> Reply:
    return Reply({"error": f"{HTTPStatus(status).phrase}: {what}"}, status=status)
