"""Through TLS with a real nginx: who is let in, and in which words everybody else is not."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import FLAG_KINDS, KINDS
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.protocol import Question

QUERIES = {"http_json": "/stats#value", "prometheus": "max(up)", "scrape": "up"}
TRUST = {"ca_file": "ca.pem"}
PASSWORD = {"username": "ada", "password": "hunter22"}
CLIENT = {"client_cert": "client.pem", "client_key": "client.key"}


@pytest.mark.parametrize(("port", "options"), [("password", PASSWORD), ("certificate", CLIENT)])
def test_who_is_known_is_let_in(gatekeeper, port, options):
    """With a password or a certificate, and a service whose signer is named."""
    assert gatekeeper.ask(port, **TRUST, **options).samples[0].value == 479


def test_a_key_may_stand_with_its_certificate(gatekeeper):
    """In one file."""
    both = (gatekeeper.folder / "client.pem").read_text() + (gatekeeper.folder / "client.key").read_text()
    (gatekeeper.folder / "both.pem").write_text(both)

    assert gatekeeper.ask("certificate", **TRUST, client_cert="both.pem").samples[0].value == 479


@pytest.mark.parametrize(
    ("port", "options", "says", "would_do"),
    [
        pytest.param("expired", TRUST, "certificate has expired", "renew", id="expired"),
        pytest.param("self", TRUST, "self-signed certificate", "'ca_file'", id="self-signed"),
        pytest.param("password", {}, "unable to get local issuer", "'ca_file'", id="unknown-signer"),
        pytest.param(
            "password", {"ca_file": "stranger.pem"}, "unable to get local issuer", "'ca_file'", id="other-signer"
        ),
        pytest.param("elsewhere", TRUST, "IP address mismatch", "'url' must name the host", id="wrong-host"),
        pytest.param("password", TRUST, "status 401: 401 Authorization Required", "check the credentials", id="nobody"),
        pytest.param(
            "password", TRUST | {"username": "ada", "password": "hunter23"}, "status 401", "credentials", id="password"
        ),
        pytest.param(
            "certificate",
            TRUST,
            "status 400: 400 No required SSL certificate was sent",
            "'client_cert'",
            id="no-certificate",
        ),
        pytest.param(
            "certificate",
            TRUST | {"client_cert": "stranger.pem", "client_key": "stranger.key"},
            "status 400: 400 The SSL certificate error",
            "'client_cert'",
            id="strange-certificate",
        ),
        pytest.param(
            "certificate",
            TRUST | {"client_cert": "client.pem", "client_key": "stranger.key"},
            "option 'client_cert' cannot be used",
            "belongs to its certificate",
            id="another-key",
        ),
        pytest.param(
            "certificate",
            TRUST | {"client_cert": "client.pem", "client_key": "encrypted.key"},
            "option 'client_cert' cannot be used",
            "a key is not encrypted",
            id="encrypted-key",
        ),
    ],
)
def test_everybody_else_is_told_why(gatekeeper, port, options, says, would_do):
    """One sentence, one line that says what would do, and no password."""
    with pytest.raises(SourceError) as caught:
        gatekeeper.ask(port, **options)

    why, _, needs = str(caught.value).partition("\n")
    assert says in why
    assert would_do in needs
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("port", "says"), [("expired", "certificate has expired"), ("self", "self-signed certificate")]
)
@pytest.mark.parametrize("source", ["http_json", "prometheus", "scrape", "flags"])
def test_every_source_that_speaks_http_looks_at_certificates(gatekeeper, source, port, says):
    """An expired one and one that nobody vouches for open no source."""
    options = {"url": f"https://127.0.0.1:{gatekeeper.ports[port]}", **TRUST}
    now = datetime.now(UTC)

    def ask():
        if source == "flags":
            return FLAG_KINDS["http"].open(options, gatekeeper.folder).read(now, 5)
        return KINDS[source].open(options, gatekeeper.folder).ask(Question(query=QUERIES[source], at=now))

    with pytest.raises(SourceError, match=says):
        ask()


def test_tls_that_is_spoken_to_in_plain(gatekeeper):
    """http:// where https:// was meant."""
    with pytest.raises(SourceError, match=r"plain HTTP request was sent to HTTPS port(?s:.*)write https://"):
        Service.of({"url": f"http://127.0.0.1:{gatekeeper.ports['password']}"}).get("/", 5)


@contextmanager
def strict(folder):
    """A server that ends the handshake itself where a certificate is missing or strange, as Go's servers do."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "good.pem", folder / "good.key")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    peer, _ = listening.accept()
                    with peer, suppress(OSError), context.wrap_socket(peer, server_side=True) as secure:
                        secure.recv(4096)

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "the service asks for a certificate of ours"),
        ({"client_cert": "stranger.pem", "client_key": "stranger.key"}, "the service does not accept our certificate"),
    ],
)
def test_a_handshake_that_is_ended(gatekeeper, options, says):
    """TLS says it in an alert, not in an answer."""
    with strict(gatekeeper.folder) as url, pytest.raises(SourceError) as caught:
        Service.of({"url": url, **TRUST, **options}, gatekeeper.folder).get("/", 5)

    assert says in str(caught.value)
