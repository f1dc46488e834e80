"""Fetch: one question to a service that may be slow, broken or hostile.

Whatever the peer does, the caller gets the decoded body or a `SourceError`
within its deadline, has read no more than 5 MiB, was led to no other host,
and no message holds a credential.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_rollout.clock import utc_now
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.body import (
    Body,
    age_of,
    before,
    decoded,
    retry_after_of,
    skew_of,
    start_of,
)
from pytest_rollout.sources.credentials import CREDENTIAL_OPTIONS, Credentials
from pytest_rollout.sources.deadline import DeadlineError, within
from pytest_rollout.sources.document import first_line, text_option
from pytest_rollout.sources.protocol import Option
from pytest_rollout.sources.refusals import StatusError, hinted, quoted

if TYPE_CHECKING:
    import ssl

    import httpx

SERVICE_OPTIONS = (
    Option("url", "base address of the service, such as https://example.org/api", required=True),
    *CREDENTIAL_OPTIONS,
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ROUNDS = 4
_IDLE_CLIENTS = 32


class _SilentError(Exception):
    """A connection that was kept open ended before an answer began: the service may have closed it meanwhile."""


@dataclass(frozen=True)
class Service:
    """A base URL and how to prove who is asking; safe to use from several threads.

    Args:
        url: `http://` or `https://`, without credentials, query or fragment.
        credentials: Who is asking.
        now: The clock, for the skew.
    """

    url: str
    credentials: Credentials = field(default_factory=Credentials)
    now: Callable[[], datetime] = field(default=utc_now, repr=False)
    # A client serves one question at a time, so that ending one at its deadline disturbs no other.
    _idle: deque[httpx.Client] = field(default_factory=deque, repr=False, compare=False)
    _tls: list[ssl.SSLContext] = field(default_factory=list, repr=False, compare=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Close what is idle once nobody holds the service: Python warns of sockets that are left open."""
        weakref.finalize(self, _close_all, self._idle)

    @classmethod
    def of(cls, options: Mapping[str, object], folder: Path | None = None) -> Service:
        """The service that `SERVICE_OPTIONS` describe; files start from `folder`, the plan's.

        Raises:
            SourceError: An option that cannot be meant; never quotes a secret.
        """
        url = text_option(options, "url").strip()
        _check_url(url)
        return cls(url.rstrip("/"), Credentials.of(options, folder or Path()))

    @property
    def authorization(self) -> str:
        """The whole value of the header of that name, or ""."""
        return self.credentials.headers.get("Authorization", "")

    def shown(self, path: str = "") -> str:
        """The address as messages name it: without the query, which may hold a secret."""
        return self.url + path.partition("?")[0].partition("#")[0]

    def redacted(self, text: str) -> str:
        """A text of the service without our credentials, which it may have echoed."""
        return self.credentials.redacted(text)

    def get(self, path: str, timeout_seconds: float) -> Body:
        """Fetch `url + path`, following nothing, within `timeout_seconds` for everything.

        Raises:
            StatusError: Another status than 200.
            SourceError: Any other outcome than a complete body.
        """
        return self.ask(path, None, timeout_seconds)

    def ask(
        self, path: str, form: Mapping[str, str] | None, timeout_seconds: float, *, deadline: float | None = None
    ) -> Body:
        """As `get`; with a form it is posted, for questions that are too long for an address.

        A service that is busy (429, 503) and says after how long to come
        back is asked again, a few times and within the same limit.

        Args:
            path: What stands behind the base address.
            form: Names and values, or None for a GET.
            timeout_seconds: For everything, from now on.
            deadline: When that is over (of `time.monotonic`), where it began earlier.
        """
        where = self.shown(path)
        deadline = time.monotonic() + timeout_seconds if deadline is None else deadline
        for rounds_left in reversed(range(_ROUNDS)):
            try:
                return self._asked(path, form, deadline)
            except DeadlineError:
                raise SourceError(f"{where}: no answer within {timeout_seconds:.3g} s") from None
            except StatusError as busy:
                wait, left = busy.retry_after_seconds, deadline - time.monotonic()
                if wait is None or busy.status not in {429, 503}:
                    raise
                if not rounds_left or wait >= left:
                    why = f"was asked {_ROUNDS} times" if not rounds_left else f"wants {wait:g} s, more than is left"
                    raise StatusError(f"{busy}\nit {why} (Retry-After)", busy.status, busy.content, wait) from None
                time.sleep(wait)
        raise AssertionError("the last round returns or raises")

    def _asked(self, path: str, form: Mapping[str, str] | None, deadline: float) -> Body:
        with suppress(_SilentError, IndexError):
            return self._within(self._idle.pop(), path, form, deadline, used=True)
        return self._within(self._client(), path, form, deadline)

    def _within(
        self, client: httpx.Client, path: str, form: Mapping[str, str] | None, deadline: float, *, used: bool = False
    ) -> Body:
        import httpx

        where, begun, kept = self.shown(path), threading.Event(), False
        seconds = max(deadline - time.monotonic(), 0.001)
        client.timeout = httpx.Timeout(seconds)
        try:
            body = within(seconds, lambda: self._exchange(client, path, form, deadline, begun), stop=client.close)
            client.cookies.clear()  # a question leaves nothing behind for the next
            kept = len(self._idle) < _IDLE_CLIENTS
        except httpx.TimeoutException:
            raise DeadlineError from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            if used and not begun.is_set() and isinstance(error, httpx.TransportError):
                raise _SilentError from None
            text = self.redacted(first_line(str(error))) or "no reason given"
            raise SourceError(hinted(f"{where}: {type(error).__name__}: {text}")) from None
        finally:
            if not kept:
                client.close()
        self._idle.append(client)
        return body

    def _exchange(
        self,
        client: httpx.Client,
        path: str,
        form: Mapping[str, str] | None,
        deadline: float,
        begun: threading.Event,
    ) -> Body:
        where, asked = self.shown(path), self.now()
        # A cached answer would be an old one in new clothes; an encoding not asked for is not decoded.
        headers = {"Accept": "application/json", "Accept-Encoding": "gzip", "Cache-Control": "no-cache"}
        method = "GET" if form is None else "POST"
        sent = {**headers, **self.credentials.headers}
        with client.stream(method, self.url + path, headers=sent, data=form) as response:
            begun.set()
            told = _as_told(response.headers.raw)
            skew = skew_of(told, asked, self.now())
            chunks, encoding = before(deadline, response.iter_raw()), told.get("content-encoding", "")
            if response.status_code in _REDIRECTS and "location" in told:
                target = urlsplit(told["location"]).hostname or "the same host"
                raise SourceError(
                    f"{where}: redirects to {self.redacted(first_line(target))} (status {response.status_code}), "
                    "which is not followed\nstate the final address"
                )
            if response.status_code != 200:
                half = (time.monotonic() + deadline) / 2  # the status must still be told when its text does not end
                content = start_of(before(half, chunks), encoding)
                text = f": {start}" if (start := self.redacted(quoted(content))) else ""
                message = hinted(f"{where}: status {response.status_code}{text}")
                raise StatusError(message, response.status_code, content, retry_after_of(told, self.now()))
            content = decoded(chunks, encoding, where)
            return Body(content=content, age_seconds=age_of(told, where), skew=skew)

    def _client(self) -> httpx.Client:
        import httpx

        # A proxy that guards the way out has no part in a world on this host.
        loopback = urlsplit(self.url).hostname in _LOOPBACK
        with self._guard:
            if not self._tls and (self.url.startswith("https:") or not loopback):
                self._tls.append(self.credentials.tls())
        verify = self._tls[0] if self._tls else False  # False only where nothing but plain HTTP is spoken
        return httpx.Client(verify=verify, follow_redirects=False, trust_env=not loopback)


def _as_told(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by their names in small letters; one that is there twice, as HTTP reads it.

    httpx guesses the encoding of all of them whenever one is looked up, which costs more than all the rest here.
    """
    told: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        told[key] = f"{told[key]}, {text}" if key in told else text
    return told


def _close_all(clients: deque[httpx.Client]) -> None:
    while clients:
        with suppress(Exception):  # the process may be ending; there is nobody to tell
            clients.pop().close()


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
