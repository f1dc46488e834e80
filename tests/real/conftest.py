"""Real servers as fixtures; each is started once and holds what `telemetry.py` says."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import servers, telemetry
from support.certificates import Certificates

from pytest_rollout.sources import KINDS
from pytest_rollout.sources.protocol import Question

RULES = """
groups:
- name: shop
  interval: 1s
  rules:
  - {alert: HighConceptFormationRate, expr: live > 8}
  - {alert: Firing, expr: live > 5}
  - {alert: Broken, expr: 'label_replace(live, "to", "$1", "from", "(")'}
"""


@dataclass(frozen=True)
class Metrics:
    """A server with known telemetry that ends at `at`."""

    url: str
    at: datetime

    def source(self, **options):
        """As a plan would open it."""
        return KINDS["prometheus"].open({"url": self.url, **options}, Path())

    def ask(self, query, *, at=None, timeout_seconds=10.0, **more):
        """One question, as of the end of the telemetry."""
        question = Question(query=query, at=at or self.at, timeout_seconds=timeout_seconds, **more)
        return self.source().ask(question)

    def result(self, query, at):
        """What the API says by itself."""
        form = urllib.parse.urlencode({"query": query, "time": at})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{form}", timeout=5) as response:
            return json.load(response)["data"]["result"]


@pytest.fixture(scope="session")
def end():
    """When the telemetry ends, in whole seconds since 1970: a moment ago."""
    return int(time.time())


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory, end):
    """A Prometheus with two hours of blocks, one live target and three alert rules."""
    binary, promtool = (servers.need(name, package="prometheus") for name in ("prometheus", "promtool"))
    folder, port = tmp_path_factory.mktemp("prometheus"), servers.free_port()
    (folder / "telemetry.om").write_text(telemetry.openmetrics(end))
    backfill = [promtool, "tsdb", "create-blocks-from", "openmetrics", "telemetry.om", "data"]
    subprocess.run(backfill, cwd=folder, check=True, capture_output=True, timeout=60)
    (folder / "rules.yml").write_text(RULES)
    with telemetry.scraped() as target:
        scrape = {"job_name": "live", "scrape_interval": "1s", "static_configs": [{"targets": [target]}]}
        config = {"rule_files": ["rules.yml"], "scrape_configs": [scrape]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        url = f"http://127.0.0.1:{port}"
        command = [
            binary,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--enable-feature=native-histograms",
        ]
        with servers.started(command, ready=lambda: servers.says_ok(f"{url}/-/ready"), log=folder / "log"):
            yield Metrics(url, datetime.fromtimestamp(end, UTC))


@pytest.fixture
def live(prometheus):
    """The same, once its target was scraped and its rules were evaluated; as of now."""

    def ready():
        with urllib.request.urlopen(f"{prometheus.url}/api/v1/rules", timeout=5) as response:
            groups = json.load(response)["data"]["groups"]
        evaluated = {rule["name"]: rule for group in groups for rule in group["rules"]}
        return evaluated["Firing"]["state"] == "firing" and evaluated["Broken"]["health"] == "err"

    servers.wait_for(ready, "the rules were not evaluated")
    return Metrics(prometheus.url, datetime.now(UTC))


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory, end):
    """A VictoriaMetrics with the same telemetry, but for the live target."""
    binary = servers.need("victoria-metrics", package="victoria-metrics")
    folder, port = tmp_path_factory.mktemp("victoria"), servers.free_port()
    metrics = Metrics(f"http://127.0.0.1:{port}", datetime.fromtimestamp(end, UTC))
    arguments = [f"-storageDataPath={folder / 'data'}", "-retentionPeriod=100y", f"-httpListenAddr=127.0.0.1:{port}"]
    ready = f"{metrics.url}/health"
    with servers.started([binary, *arguments], ready=lambda: servers.says_ok(ready), log=folder / "log"):
        body = telemetry.exposition(end).encode()
        urllib.request.urlopen(f"{metrics.url}/api/v1/import/prometheus", data=body, timeout=10).close()
        servers.wait_for(
            lambda: all(metrics.result(f"last_over_time({name}[1h])", end) for name in ("steady", "dead")),
            "what was imported cannot be read",
        )
        yield metrics


@dataclass(frozen=True)
class Gatekeeper:
    """nginx with TLS before Prometheus: a port for each way in, and the certificates in `folder`."""

    folder: Path
    ports: dict[str, int]
    at: datetime

    def ask(self, port, query="steady", *, host="127.0.0.1", **options):
        """One question through one of the ports; files of certificates are those in the folder."""
        url = f"https://{host}:{self.ports[port]}"
        return KINDS["prometheus"].open({"url": url, **options}, self.folder).ask(Question(query=query, at=self.at))


NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
  access_log off;
  {temporary}
  server {{
    listen 127.0.0.1:{ports[password]} ssl;
    ssl_certificate {folder}/good.pem; ssl_certificate_key {folder}/good.key;
    location / {{
      auth_basic metrics; auth_basic_user_file {folder}/users; proxy_pass {upstream};
      proxy_set_header Authorization "";
    }}
  }}
  server {{
    listen 127.0.0.1:{ports[certificate]} ssl;
    ssl_certificate {folder}/good.pem; ssl_certificate_key {folder}/good.key;
    ssl_client_certificate {folder}/ca.pem; ssl_verify_client on;
    location / {{ proxy_pass {upstream}; }}
  }}
  {others}
}}
"""
PORTS = ("password", "certificate", "expired", "self", "elsewhere")


@pytest.fixture(scope="session")
def gatekeeper(tmp_path_factory, prometheus):
    """nginx, and what it shows and asks for at each port."""
    nginx = servers.need("nginx", package="nginx-light")
    openssl = servers.need("openssl", package="openssl")
    folder = tmp_path_factory.mktemp("nginx")
    made = Certificates(openssl, folder)
    made.sign("good", host="IP:127.0.0.1")
    made.sign("expired", host="IP:127.0.0.1", end="20200102000000Z")
    made.sign("elsewhere", host="DNS:metrics.example.org")
    made.sign("client", host="DNS:gate")
    made.encrypt("client", "encrypted.key", "hunter22")
    made.self_signed("self")
    made.self_signed("stranger")
    digest = subprocess.run([openssl, "passwd", "-apr1", "hunter22"], check=True, capture_output=True, text=True)
    (folder / "users").write_text(f"ada:{digest.stdout}")
    ports = {name: servers.free_port() for name in PORTS}
    others = [
        f"server {{ listen 127.0.0.1:{ports[name]} ssl; ssl_certificate {folder}/{name}.pem;"
        f" ssl_certificate_key {folder}/{name}.key; location / {{ proxy_pass {prometheus.url}; }} }}"
        for name in PORTS[2:]
    ]
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    settings = {"folder": folder, "ports": ports, "temporary": temporary, "upstream": prometheus.url}
    (folder / "nginx.conf").write_text(NGINX.format(**settings, others="\n".join(others)))
    command = [nginx, "-p", folder, "-e", folder / "log", "-c", folder / "nginx.conf"]

    def listens():
        with servers.socket.create_connection(("127.0.0.1", ports["elsewhere"]), timeout=2):
            return True

    with servers.started(command, ready=listens, log=folder / "said"):
        yield Gatekeeper(folder, ports, prometheus.at)
