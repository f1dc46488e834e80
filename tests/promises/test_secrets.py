"""Secrets: a token that opens a backend stands in no file that a run leaves, and on no screen."""

import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TOKEN = 'sesame-"open"-8f3a'
PLAN = """
rollout: shop
metrics:
  good: {source: telemetry, query: "/good#value"}
  echo: {source: telemetry, query: "/echo#value"}
  wrong: {source: telemetry, query: "/wrong#value"}
phases:
  phase1: {}
environments:
  test:
    sources:
      telemetry: {kind: http_json, url: "${URL}", headers: {X-Token: "${TOKEN}"}, bearer: "${TOKEN}"}
"""
GATES = """
def test_good(metrics):
    assert metrics("good") == 1


def test_echo(metrics):
    assert metrics("echo") == 1


def test_wrong(metrics):
    assert metrics("wrong") == 1
"""


class Indiscreet(BaseHTTPRequestHandler):
    """Gives back what it was sent, in answers and in errors."""

    def do_GET(self):
        said = {"value": 1, "token": self.headers["X-Token"], "all": str(self.headers)}
        content = json.dumps(said if self.path != "/wrong" else {"error": said}).encode()
        self.send_response(403 if self.path == "/wrong" else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one", "xdist"])
def test_a_token_is_nowhere(project, workers):
    """Whatever a backend echoes: not in the receipt, the evidence, the cache of pytest, or the output."""
    project.write("gates/shop/rollout.yaml", PLAN)
    project.gate(GATES)
    with ThreadingHTTPServer(("127.0.0.1", 0), Indiscreet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"URL": f"http://127.0.0.1:{server.server_address[1]}", "TOKEN": TOKEN}

        result = project.run(*workers, "-rA", "--junitxml=junit.xml", env=env)

        server.shutdown()
    assert result.ret == 1
    found = {"screen": result.text.encode()}
    for path in project.folder.rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                found |= {name: archive.read(name) for name in archive.namelist()}
        elif path.is_file():
            found[str(path)] = path.read_bytes()
    assert len(found) > 5
    assert any(b"/echo" in content for content in found.values())
    for form in (TOKEN, json.dumps(TOKEN)[1:-1]):
        assert [name for name, content in found.items() if form.encode() in content] == []
