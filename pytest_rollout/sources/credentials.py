"""Credentials: how a service learns who is asking, and what no message may repeat.

A token, a password, headers, a client certificate. Their values go to the
one host of the plan's `url`; texts that come back from it are redacted.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import first_line, text_option
from pytest_rollout.sources.protocol import Option

if TYPE_CHECKING:
    import ssl

CREDENTIAL_OPTIONS = (
    Option("bearer", "token for 'Authorization: Bearer …'", secret=True),
    Option("username", "for basic authentication, with 'password'"),
    Option("password", "for basic authentication, with 'username'", secret=True),
    Option("headers", "further headers, such as {X-Scope-OrgID: team-a}", secret=True, mapping=True),
    Option("ca_file", "certificates (PEM) that sign the service's, in place of the usual ones"),
    Option("client_cert", "our certificate (PEM), for services that ask for one; with 'client_key'"),
    Option("client_key", "its private key (PEM, not encrypted); may stand in the same file"),
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding"})
_SHORTEST_SECRET = 4


@dataclass(frozen=True)
class Credentials:
    """Who is asking.

    Args:
        headers: Sent with each request.
        secrets: Texts that no message may hold, the longest first.
        ca_file: The only certificates to trust, or None for the usual ones.
        client_cert: Our own certificate, or None.
        client_key: Its key, or None when it stands in the same file.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None

    @classmethod
    def of(cls, options: Mapping[str, object], folder: Path) -> Credentials:
        """The credentials that the options describe; files start from `folder`.

        Raises:
            SourceError: An option that cannot be meant; never quotes a secret.
        """
        bearer, username, password = (text_option(options, name).strip() for name in ("bearer", "username", "password"))
        for name, value in (("bearer", bearer), ("username", username), ("password", password)):
            if not value.isprintable():
                raise SourceError(f"option '{name}' holds a line break or a control character")
        if not bearer.isascii():
            raise SourceError("option 'bearer' holds characters that no token has")
        if bearer and (username or password):
            raise SourceError("options 'bearer' and 'username'/'password' are both set: keep one")
        if bool(username) != bool(password):
            raise SourceError("options 'username' and 'password' are set together")
        basic = base64.b64encode(f"{username}:{password}".encode()).decode() if username else ""
        headers = _headers(options)
        # A tenant called "1" is no secret, and without it every 1 of an answer would be stars.
        hidden = [bearer, password, basic, *(each for each in headers.values() if len(each) >= _SHORTEST_SECRET)]
        if bearer or basic:
            if any(name.lower() == "authorization" for name in headers):
                raise SourceError("option 'headers' sets Authorization, and 'bearer' or 'username' does, too: keep one")
            headers["Authorization"] = f"Bearer {bearer}" if bearer else f"Basic {basic}"
        files = {name: _file(options, name, folder) for name in ("ca_file", "client_cert", "client_key")}
        if files["client_key"] and not files["client_cert"]:
            raise SourceError("option 'client_key' is set without 'client_cert'")
        return cls(headers, _longest_first(hidden), **files)

    def redacted(self, text: str) -> str:
        """A text of the service without our credentials, which it may have echoed."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def tls(self) -> ssl.SSLContext:
        """What makes connections with these certificates; 20 to 50 ms, so make it once.

        Raises:
            SourceError: A file is missing, or holds no such thing.
        """
        import ssl

        import httpx

        for name in ("ca_file", "client_cert", "client_key"):
            path: Path | None = getattr(self, name)
            if path is not None and not path.is_file():
                raise SourceError(f"option '{name}': there is no such file: {path}")
        name = "ca_file"
        try:
            context = ssl.create_default_context(cafile=self.ca_file) if self.ca_file else httpx.create_ssl_context()
            name = "client_cert"
            if self.client_cert is not None:
                # Without a password of ours, OpenSSL would ask for one at the terminal and wait.
                context.load_cert_chain(self.client_cert, self.client_key, password=lambda: "")
        except (ssl.SSLError, OSError, ValueError) as error:
            text = first_line(str(error)) or type(error).__name__
            raise SourceError(
                f"option '{name}' cannot be used: {text}\n"
                "a PEM file is meant; a key is not encrypted and belongs to its certificate"
            ) from None
        return context


def _headers(options: Mapping[str, object]) -> dict[str, str]:
    stated = options.get("headers", {})
    if not isinstance(stated, Mapping):
        raise SourceError("option 'headers' is a mapping of names and values, such as {X-Scope-OrgID: team-a}")
    headers: dict[str, str] = {}
    for name, value in stated.items():
        shown = first_line(str(name), 40)
        if not _HEADER_NAME.fullmatch(str(name)):
            raise SourceError(f"option 'headers': '{shown}' is no name of a header")
        if str(name).lower() in _OURS:
            raise SourceError(f"option 'headers': {shown} is set by pytest-rollout itself")
        text = value.strip() if isinstance(value, str) else None
        if not text or not text.isprintable() or not text.isascii():
            raise SourceError(f"option 'headers': the value of {shown} is not one line of ASCII text")
        headers[str(name)] = text
    if len({name.lower() for name in headers}) < len(headers):
        raise SourceError("option 'headers' names a header twice")
    return headers


def _file(options: Mapping[str, object], name: str, folder: Path) -> Path | None:
    text = text_option(options, name).strip()
    if not text.isprintable():
        raise SourceError(f"option '{name}' is the path of a PEM file, not its content")
    return folder / text if text else None


def _longest_first(secrets: list[str]) -> tuple[str, ...]:
    """Each secret and how JSON writes it; where one holds another, the longer is hidden first."""
    forms = {form for each in secrets if each for form in (each, json.dumps(each)[1:-1])}
    return tuple(sorted(forms, key=lambda each: (-len(each), each)))
