"""Target: the HTTP client through which gates look at the service itself.

It is httpx's own client with three promises added: a service that cannot be
reached is doubt (HOLD[no-data]), not a failed gate; a response that nobody
looks at proves nothing; and no redirect carries a request to another host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import httpx

from pytest_rollout.claims import Claim, ClaimFacts, GateClaims, Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, QuestionError, RolloutError

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


class ServiceClient(httpx.Client):
    """An `httpx.Client` whose transport errors are `Inconclusive`, and whose answers must be looked at.

    Args:
        base_url: The service.
        claims: What the gate has read and claimed.
    """

    def __init__(self, base_url: str, claims: GateClaims) -> None:
        super().__init__(base_url=base_url, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
        self._claims = claims

    def send(self, request: httpx.Request, **options: object) -> httpx.Response:
        """Send a request; see `httpx.Client.send`.

        Raises:
            Inconclusive: The service did not answer: refused, reset, too slow, not HTTP.
        """
        where = f"{request.method} {request.url.copy_with(userinfo=None, query=None)}"
        try:
            response = super().send(request, **options)  # type: ignore[arg-type]  # passed through as they came
        except httpx.HTTPError as error:
            why = f"the service did not answer: {str(error) or type(error).__name__}"
            needs = "see whether the service runs and the environment's target is right"
            # A claim, so that a gate that swallows the exception has still met doubt.
            facts = ClaimFacts(
                text=f"{where} is answered", truth=Truth.INCONCLUSIVE, subject=where, why=why, needs=needs
            )
            Claim(facts)
            raise Inconclusive(f"{where}: {why}", reason=Reason.NO_DATA) from error
        read = self._claims.read(where)
        response.__class__ = ServiceResponse
        response.looked = lambda: self._claims.use(read)  # type: ignore[attr-defined]  # its class since the line above
        return response


def service_client(base_url: str, claims: GateClaims) -> ServiceClient:
    """A client on `base_url`, with a time limit and without the machine's proxy settings.

    Raises:
        RolloutError: There is no base URL: the environment names no `target`.
    """
    if not base_url:
        raise RolloutError("the environment names no `target`: add `target: https://…` below environments")
    return ServiceClient(base_url, claims)
