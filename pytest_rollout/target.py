"""Target: the HTTP client through which gates look at the service itself.

It is httpx's own client with two promises added: a service that cannot be
reached is doubt (HOLD[no-data]), not a failed gate, and no redirect carries
a gate's request to another host.
"""

from __future__ import annotations

import httpx

from pytest_rollout.claims import Claim, ClaimFacts, Truth
from pytest_rollout.decisions import Reason
from pytest_rollout.errors import Inconclusive, RolloutError

TIMEOUT_SECONDS = 10.0


class ServiceClient(httpx.Client):
    """An `httpx.Client` whose transport errors are `Inconclusive`."""

    def send(self, request: httpx.Request, **options: object) -> httpx.Response:
        """Send a request; see `httpx.Client.send`.

        Raises:
            Inconclusive: The service did not answer: refused, reset, too slow, not HTTP.
        """
        try:
            return super().send(request, **options)  # type: ignore[arg-type]  # passed through as they came
        except httpx.HTTPError as error:
            where = f"{request.method} {request.url.copy_with(userinfo=None, query=None)}"
            why = f"the service did not answer {where}: {str(error) or type(error).__name__}"
            # A claim, so that a gate that swallows the exception has still met doubt.
            Claim(ClaimFacts(text=f"{where} is answered", truth=Truth.INCONCLUSIVE, subject=where, why=why))
            raise Inconclusive(why, reason=Reason.NO_DATA) from error


def service_client(base_url: str) -> ServiceClient:
    """A client on `base_url`, with a time limit and without the machine's proxy settings.

    Raises:
        RolloutError: There is no base URL: the environment names no `target`.
    """
    if not base_url:
        raise RolloutError("the environment names no `target`: add `target: https://…` below environments")
    return ServiceClient(base_url=base_url, timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
