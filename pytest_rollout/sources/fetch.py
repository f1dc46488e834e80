"""Fetch: one GET of a service that may be slow, broken or hostile.

Whatever the peer does, the caller gets the decoded body or a `SourceError`
within its deadline, has read no more than 5 MiB, was led to no other host,
and no message holds a credential.
"""

from __future__ import annotations

import base64
import time
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import MAX_BYTES, first_line, text_option
from pytest_rollout.sources.protocol import Option

if TYPE_CHECKING:
    import httpx

SERVICE_OPTIONS = (
    Option("url", "base address of the service, such as https://example.org/api", required=True),
    Option("bearer", "token for 'Authorization: Bearer …'", secret=True),
    Option("username", "for basic authentication, with 'password'"),
    Option("password", "for basic authentication, with 'username'", secret=True),
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Body:
    """What a service answered with status 200; `age_seconds` is what a cache on the way says of it."""

    content: bytes = field(repr=False)
    age_seconds: float


@dataclass(frozen=True)
class Service:
    """A base URL and how to prove who is asking.

    Args:
        url: `http://` or `https://`, without credentials, query or fragment.
        authorization: The header's whole value, or "".
        secrets: Texts that no message may hold.
    """

    url: str
    authorization: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Service:
        """The service that the options `url`, `bearer`, `username` and `password` describe.

        Raises:
            SourceError: An option that cannot be meant; never quotes a secret.
        """
        url = text_option(options, "url").strip()
        bearer, username, password = (text_option(options, name).strip() for name in ("bearer", "username", "password"))
        _check_url(url)
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
        authorization = f"Bearer {bearer}" if bearer else f"Basic {basic}" if basic else ""
        return cls(url.rstrip("/"), authorization, tuple(filter(None, (bearer, password, basic))))

    def shown(self, path: str = "") -> str:
        """The address as messages name it: without the query, which may hold a secret."""
        return self.url + path.partition("?")[0].partition("#")[0]

    def get(self, path: str, timeout_seconds: float) -> Body:
        """Fetch `url + path` once, following nothing, within `timeout_seconds` for everything.

        Raises:
            SourceError: Any other outcome than a complete body with status 200.
        """
        import httpx

        where, started = self.shown(path), time.monotonic()
        # A proxy that guards the way out has no part in a world on this host.
        trust_env = urlsplit(self.url).hostname not in _LOOPBACK
        try:
            with httpx.Client(timeout=timeout_seconds, follow_redirects=False, trust_env=trust_env) as client:
                return within(
                    timeout_seconds,
                    lambda: self._exchange(client, path, where, started + timeout_seconds),
                    stop=client.close,
                )
        except (DeadlineError, httpx.TimeoutException):
            raise SourceError(f"{where}: no answer within {timeout_seconds:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            text = self.redacted(first_line(str(error))) or "no reason given"
            raise SourceError(f"{where}: {type(error).__name__}: {text}") from None

    def _exchange(self, client: httpx.Client, path: str, where: str, deadline: float) -> Body:
        # A cached answer would be an old one in new clothes; an encoding not asked for is not decoded.
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "Cache-Control": "no-cache"}
        if self.authorization:
            headers["Authorization"] = self.authorization
        with client.stream("GET", self.url + path, headers=headers) as response:
            chunks = _before(deadline, response.iter_raw())
            if response.is_redirect:
                target = urlsplit(response.headers.get("location", "")).hostname or "the same host"
                raise SourceError(
                    f"{where}: redirects to {self.redacted(first_line(target))} (status {response.status_code}), "
                    "which is not followed\nstate the final address"
                )
            if response.status_code != 200:
                half = (time.monotonic() + deadline) / 2  # the status must still be told when its text does not end
                start = self.redacted(_start(_before(half, chunks)))
                raise SourceError(f"{where}: status {response.status_code}" + (f": {start}" if start else ""))
            content = _decoded(chunks, response.headers.get("content-encoding", ""), where)
            return Body(content=content, age_seconds=_age(response.headers.get("age", ""), where))

    def redacted(self, text: str) -> str:
        """A text of the service without our credentials, which it may have echoed."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SourceError("option 'url' is not a URL") from None
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise SourceError("option 'url' is not an address such as https://metrics.example.org/api")
    if "@" in parts.netloc:
        raise SourceError("option 'url' holds credentials\nstate them as 'username' and 'password', or 'bearer'")
    if "?" in url or "#" in url or not url.isprintable() or " " in url:
        raise SourceError("option 'url' is a base address: the query of a metric brings path and parameters")


def _before(deadline: float, chunks: Iterable[bytes]) -> Iterable[bytes]:
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise DeadlineError
        yield chunk


def _start(chunks: Iterable[bytes]) -> str:
    """The first 100 characters of an error's body, on one line."""
    found = b""
    with suppress(DeadlineError):
        for chunk in chunks:
            found += chunk
            if len(found) >= 400:
                break
    text = " ".join(found[:400].decode("utf-8", "replace").split())
    return "".join(each for each in text if each.isprintable())[:100]


def _decoded(chunks: Iterable[bytes], encoding: str, where: str) -> bytes:
    """The body, unpacked piece by piece so that a bomb is stopped where it begins to swell."""
    if encoding.strip().lower() not in {"", "identity", "gzip", "x-gzip"}:
        raise SourceError(f"{where}: the encoding '{first_line(encoding, 30)}' was not asked for")
    unpack = zlib.decompressobj(wbits=31) if "gzip" in encoding.lower() else None
    body = bytearray()
    for chunk in chunks:
        try:
            body += unpack.decompress(chunk, MAX_BYTES + 1 - len(body)) if unpack else chunk
        except zlib.error:
            raise SourceError(f"{where}: the answer is not gzip, though it says so") from None
        if len(body) > MAX_BYTES:
            raise SourceError(f"{where}: the answer is larger than 5 MiB\nask for less: one number is meant")
    if unpack and (not unpack.eof or unpack.unused_data):
        raise SourceError(f"{where}: the gzip answer is cut off or has something behind its end")
    return bytes(body)


def _age(header: str, where: str) -> float:
    """How long a cache kept the answer; a header that cannot be read is not taken for 'fresh'."""
    if not header:
        return 0.0
    if not (header.isascii() and header.isdigit() and len(header) < 10):
        raise SourceError(f"{where}: the header Age is {first_line(header, 20)!r}, which is no number of seconds")
    return float(header)
