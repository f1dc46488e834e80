"""Target: the HTTP client through which gates look at the service itself.

It is httpx's own client with three promises added: a service that cannot be
reached is doubt (HOLD[no-data]), not a failed gate; a response that nobody
looks at proves nothing; and no redirect carries a request to another host.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

import httpx

from pytest_rollout.claim_facts import ClaimFacts, Truth
from pytest_rollout.claims import Claim, GateClaims
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, QuestionError, RolloutError, SourceError
from pytest_rollout.sources.once import AnswerBook

TIMEOUT_SECONDS = 10.0


class ServiceResponse(httpx.Response):
    """A response that knows whether anybody looked at it.

    An `httpx.Response` is always true, so `assert target.get("/health")`
    would hold for a 500; this one asks for the right question.
    """

    looked: Callable[[], None]

    def __bool__(self) -> NoReturn:
        raise QuestionError(
            "a response is neither true nor false: `assert check(response.status_code == 200, 'the service answers')`"
        )

    def __getattribute__(self, name: str) -> object:
        if name in _LOOKS:
            super().__getattribute__("looked")()
        return super().__getattribute__(name)


_LOOKS = frozenset({"status_code", "headers", "content", "text", "elapsed", "read", "iter_bytes", "iter_lines"})
"""What every way of looking at a response comes to."""


class RecordedTransport(httpx.BaseTransport):
    """Every exchange of one gate, recorded; a replay answers from the records and opens no connection.

    Args:
        answers: What was asked in this run and what was said.
        gate: Who asks; the same request of another gate is another exchange, made at another time.
    """

    def __init__(self, answers: AnswerBook, gate: str) -> None:
        self._answers, self._gate = answers, gate
        self._inner = httpx.HTTPTransport(trust_env=False)
        self._seen: Counter[tuple[str, ...]] = Counter()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, or find what it was answered in the recorded run."""
        body = hashlib.sha256(request.read()).hexdigest() if request.read() else ""
        exchange = (request.method, request.url.raw_path.decode("ascii"), body)
        self._seen[exchange] += 1
        key = ("target", self._gate, *exchange, str(self._seen[exchange]))
        raised: list[Exception] = []
        try:
            found = self._answers.share(key, lambda: self._exchange(request, raised), TIMEOUT_SECONDS)
            return _response(found)
        except SourceError as error:
            if raised:
                raise raised[0] from None
            raise Unreached(str(error), error.reason) from None

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _exchange(self, request: httpx.Request, raised: list[Exception]) -> dict[str, object]:
        try:
            response = self._inner.handle_request(request)
            # As it came: the client that is handed the record undoes the encoding itself.
            content = b"".join(response.iter_raw())
            response.close()
        except httpx.HTTPError as error:
            raised.append(error)
            raise SourceError(f"the service did not answer: {str(error) or type(error).__name__}") from None
        headers = [[name, value] for name, value in response.headers.multi_items() if name not in _NOT_RECORDED]
        return {"status": response.status_code, "headers": headers, **_content_as_json(content)}


class Unreached(httpx.TransportError):
    """What a record says instead of an answer."""

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


_NOT_RECORDED = frozenset({"set-cookie", "www-authenticate", "transfer-encoding"})


def _content_as_json(content: bytes) -> dict[str, object]:
    """Text as text, so that it can be read and redacted; anything else as base64."""
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode("ascii")}


def _response(found: object) -> httpx.Response:
    try:
        text = found.get("text")  # type: ignore[attr-defined]  # checked by reading it
        content = base64.b64decode(found["base64"]) if text is None else text.encode("utf-8")  # type: ignore[index]  # as above
        headers = [(str(name), str(value)) for name, value in found["headers"]]  # type: ignore[index]  # as above
        return httpx.Response(int(found["status"]), headers=headers, stream=httpx.ByteStream(content))  # type: ignore[index]  # as above
    except (AttributeError, LookupError, TypeError, ValueError) as damage:
        raise SourceError(f"the recorded exchange is damaged: {damage}") from None


class ServiceClient(httpx.Client):
    """An `httpx.Client` whose transport errors are `Inconclusive`, and whose answers must be looked at.

    Args:
        base_url: The service.
        claims: What the gate has read and claimed.
        transport: What carries and records the exchanges.
    """

    def __init__(self, base_url: str, claims: GateClaims, transport: httpx.BaseTransport) -> None:
        super().__init__(
            base_url=base_url,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            transport=transport,
        )
        self._claims = claims

    def send(self, request: httpx.Request, **options: object) -> httpx.Response:
        """Send a request; see `httpx.Client.send`.

        Raises:
            Inconclusive: The service did not answer: refused, reset, too slow, not HTTP.
        """
        where = f"{request.method} {self._told(request.url)}"
        try:
            response = super().send(request, **options)  # type: ignore[arg-type]  # passed through as they came
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            reason = error.reason if isinstance(error, Unreached) else Reason.NO_DATA
            why = said if isinstance(error, Unreached) else f"the service did not answer: {said}"
            needs = "see whether the service runs and the environment's target is right"
            # A claim, so that a gate that swallows the exception has still met doubt.
            facts = ClaimFacts(
                text=f"{where} is answered",
                truth=Truth.INCONCLUSIVE,
                subject=where,
                why=why,
                needs=needs,
                reason=reason,
            )
            Claim(facts)
            raise Inconclusive(f"{where}: {why}", reason=reason) from error
        read = self._claims.read(where)
        response.__class__ = ServiceResponse
        response.looked = lambda: self._claims.use(read)  # type: ignore[attr-defined]  # its class since the line above
        return response

    def _told(self, url: httpx.URL) -> str:
        """An address as claims tell it: without the service's own, so that a replay says the same of another."""
        full, base = (str(each.copy_with(userinfo=None, query=None)) for each in (url, self.base_url))
        base = base.rstrip("/")
        return full.removeprefix(base) if full.startswith(f"{base}/") else full


def service_client(base_url: str, claims: GateClaims, answers: AnswerBook, gate: str) -> ServiceClient:
    """A client on `base_url`, with a time limit and without the machine's proxy settings.

    Raises:
        RolloutError: There is no base URL: the environment names no `target`.
    """
    if not base_url:
        raise RolloutError("the environment names no `target`: add `target: https://…` below environments")
    return ServiceClient(base_url, claims, RecordedTransport(answers, gate))
