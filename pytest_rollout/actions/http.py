"""HTTP: one call to a service that changes something there.

It goes to the environment's target, or to the address that the plan names;
an embedded world's calls go to the world and carry no credentials. Redirects
are not followed, and any answer but 2xx is a failure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pytest_rollout.actions.protocol import ActionKind, Done, Site
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.credentials import CREDENTIAL_OPTIONS, Credentials
from pytest_rollout.sources.document import first_line, text_option
from pytest_rollout.sources.protocol import Option, OptionValue

_METHODS = ("DELETE", "PATCH", "POST", "PUT")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOLD_BYTES = 2000


@dataclass(frozen=True)
class HttpCall:
    """One request; `body` is JSON, or None for none."""

    method: str
    path: str
    url: str = ""
    body: object = None
    options: Mapping[str, OptionValue] = field(default_factory=dict, repr=False)

    repeatable = False

    @property
    def does(self) -> str:
        """Method, address without its query, and body."""
        shown = f"{self.url.rstrip('/')}{self.path}".partition("?")[0]
        body = "" if self.body is None else f" with {first_line(json.dumps(self.body, ensure_ascii=False), 120)}"
        return f"{self.method} {shown}{body}"

    def perform(self, site: Site) -> Done:
        """Send it.

        Raises:
            SourceError: No answer in time, or another one than 2xx.
        """
        import httpx

        base = site.target if site.embedded or not self.url else self.url
        host = _host(base)
        who = Credentials() if site.embedded else Credentials.of(self.options, site.folder)
        where = f"{base.rstrip('/')}{self.path}".partition("?")[0]
        content = None if self.body is None else json.dumps(self.body, allow_nan=False).encode()
        headers = {**({"Content-Type": "application/json"} if content is not None else {}), **who.headers}
        verify = who.tls() if base.startswith("https:") else False
        try:
            # A proxy that guards the way out has no part in a service on this host.
            with httpx.Client(verify=verify, trust_env=host not in _LOOPBACK, timeout=site.seconds) as client:
                answer = client.request(self.method, f"{base.rstrip('/')}{self.path}", content=content, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, OSError) as error:
            told = who.redacted(first_line(str(error))) or "no reason given"
            raise SourceError(f"{where}: {type(error).__name__}: {told}\nnobody knows whether it was done") from None
        if not answer.is_success:
            told = who.redacted(first_line(answer.content[:_TOLD_BYTES].decode("utf-8", "replace")))
            raise SourceError(f"{where}: status {answer.status_code}" + (f": {told}" if told else ""))
        return Done(changed=True, what=f"{self.method} {where}: status {answer.status_code}")


def _host(base: str) -> str:
    if not base:
        raise SourceError("the environment names no target\nname the address: url: https://…")
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise SourceError("option 'url' is no address such as https://flags.example.org, or holds credentials")
    return parts.hostname


def _open(options: Mapping[str, OptionValue], folder: Path) -> HttpCall:
    method, path, url = (text_option(options, name).strip() for name in ("method", "path", "url"))
    if method not in _METHODS:
        raise SourceError(f"option 'method' is one of {', '.join(_METHODS)}: a call that only asks changes nothing")
    if not path.startswith("/") or not path.isprintable() or " " in path:
        raise SourceError("option 'path' begins with '/' and has no blanks")
    if url and "${" not in url:
        _host(url)
    if "${" not in json.dumps({name: options[name] for name in options if name != "body"}):
        Credentials.of(options, folder)
    return HttpCall(method, path, url, _body(options.get("body")), options)


def _body(stated: OptionValue | None) -> object:
    """What is sent: a mapping or a list as it is, and a text as the JSON that it is."""
    if not isinstance(stated, str):
        return stated
    try:
        return json.loads(stated, parse_constant=_refused)
    except ValueError:
        raise SourceError(
            f"option 'body' is no JSON: {first_line(stated, 60)}\na text has quotes of its own: body: '\"canary\"'"
        ) from None


def _refused(name: str) -> object:
    raise ValueError(name)


KIND = ActionKind(
    "http",
    "sends one request, to the environment's target if no address is named",
    (
        Option("method", "PUT, POST, PATCH or DELETE", required=True),
        Option("path", "what stands behind the address, such as /flags/canary", required=True),
        Option("url", "the address of another service than the target, such as ${FLAGS_URL}"),
        Option("body", "what is sent, as JSON; '{percentage}' is where the traffic goes", mapping=True),
        *CREDENTIAL_OPTIONS,
    ),
    _open,
)
