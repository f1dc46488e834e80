"""Refusals: how a service says no, and what would do."""

from __future__ import annotations

import re

from pytest_rollout.errors import SourceError

_TAGS = re.compile(r"<(?:style|script).*?</(?:style|script)>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_OUR_CERTIFICATE = "the service asks for a certificate of ours: options 'client_cert' and 'client_key'"
_OTHER_CERTIFICATE = "the service does not accept our certificate: options 'client_cert' and 'client_key'"
_ITS_SIGNER = "name the certificate that signed the service's with the option 'ca_file'"
_ITS_NAME = "the 'url' must name the host as its certificate does"
_HINTS = {
    "certificate has expired": "renew the service's certificate",
    "self-signed": _ITS_SIGNER,
    "self signed": _ITS_SIGNER,
    "unable to get local issuer": _ITS_SIGNER,
    "ostname mismatch": _ITS_NAME,
    "IP address mismatch": _ITS_NAME,
    "certificate required": _OUR_CERTIFICATE,
    "SSL certificate was sent": _OUR_CERTIFICATE,
    "SSL certificate error": _OTHER_CERTIFICATE,
    "alert unknown ca": _OTHER_CERTIFICATE,
    "alert bad certificate": _OTHER_CERTIFICATE,
    "WRONG_VERSION_NUMBER": "the service speaks no TLS here: is it http:// in place of https://?",
    "plain HTTP request was sent to HTTPS": "write https:// in place of http://",
    "status 401": "check the credentials: 'bearer', or 'username' and 'password', or 'headers'",
    "status 403": "the credentials do not suffice",
    "status 404": "there is no such path: look at the 'url' and at the query",
    "Connection refused": "nobody listens there: does it run, and are host and port right?",
    "Name or service not known": "there is no such host: is it misspelt?",
}


class StatusError(SourceError):
    """The service answered with another status than 200; `content` is the beginning of what it said."""

    def __init__(self, message: str, status: int, content: bytes, retry_after_seconds: float | None) -> None:
        super().__init__(message)
        self.status = status
        self.content = content
        self.retry_after_seconds = retry_after_seconds


def quoted(content: bytes) -> str:
    """The first 100 characters of an error's body, on one line and without the tags of HTML."""
    text = " ".join(_TAGS.sub(" ", content.decode("utf-8", "replace")).split())
    return "".join(each for each in text if each.isprintable())[:100]


def hinted(message: str) -> str:
    """A message with a line that says what would do, where it is one that people often meet."""
    return "\n".join([message, *(hint for sign, hint in _HINTS.items() if sign in message)][:2])
