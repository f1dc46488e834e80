"""Messages: what people are told of a run, from templates and evidence.

A template sees what the run knows and nothing else: a value that was not
measured is not there, and naming it is an error with the template's line.
Templates run in a sandbox, and what they print is escaped for what they
make: JSON, Markdown or HTML. Jinja2 comes with the extra `messages`.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pytest_rollout.errors import RolloutError, UsageError
from pytest_rollout.record import Record
from pytest_rollout.reports.escape import html_text, markdown_text
from pytest_rollout.reports.facts import facts_of
from pytest_rollout.reports.table import plain

if TYPE_CHECKING:
    import jinja2

_HERE = Path(__file__).parent / "templates"
_SUFFIX = ".j2"
_SECONDS = 20.0
_HIDDEN = "<redacted>"
BUILT_IN = ("checkpoint", "stakeholders", "weekly", "incident", "review")
"""The messages that there are without any template of one's own."""
CONTENT = {"json": "application/json", "md": "text/markdown", "html": "text/html", "txt": "text/plain"}
"""What a template may make, by the end of its name; and what it is called when it is sent."""


class MessageError(RolloutError):
    """A message cannot be made; says which template, which line, and what is missing there."""


class _RefusedError(Exception):
    """What a template says of a run of which its message must not be made."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message that was made; `kind` is `json`, `md`, `html` or `txt`."""

    name: str
    kind: str
    text: str


def known_messages(templates: Path | None = None) -> dict[str, str]:
    """The file of each message by its name; one's own folder comes first.

    Raises:
        UsageError: A file there is no template of a kind that is known.
    """
    found: dict[str, str] = {}
    for folder in (_HERE, templates):
        for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder else ():
            name, _, kind = path.name.removesuffix(_SUFFIX).rpartition(".")
            if not name or kind not in CONTENT:
                raise UsageError(f"{path}: a template is called NAME.KIND{_SUFFIX}; kinds: {', '.join(CONTENT)}")
            found[name] = path.name
    return found


def render(record: Record, name: str, *, templates: Path | None = None) -> Message:
    """Make a message about a run.

    Args:
        record: The run.
        name: A built-in message, or a template of one's own.
        templates: A folder whose templates replace the built-in ones of the same name, or add to them.

    Raises:
        MessageError: The template names what was not measured, or is wrong; with its line.
        UsageError: There is no such message, or Jinja2 is not installed.
    """
    known = known_messages(templates)
    if name not in known:
        raise UsageError(f"there is no message '{name}'\n  messages: {', '.join(known)}")
    file = known[name]
    kind = file.removesuffix(_SUFFIX).rpartition(".")[2]
    environment = _environment(kind, [folder for folder in (templates, _HERE) if folder])
    import jinja2

    try:
        text = environment.get_template(file).render(facts_of(record))
        if kind == "json":
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
            text = text.replace("##[", "##\\u005b")  # which a runner would take for a command, were it printed
    except jinja2.TemplateSyntaxError as error:
        raise MessageError(f"{error.filename or file}:{error.lineno}: {error.message}") from None
    except jinja2.TemplateNotFound as error:
        raise MessageError(f"{file}: there is no template '{error}'") from None
    except _RefusedError as error:
        raise MessageError(f"no message '{name}' of this run: {plain(str(error))}") from None
    except Exception as error:  # noqa: BLE001 - what a template does may raise anything
        raise MessageError(f"{_place(error, file)}: {plain(str(error))}{_advice(error)}") from None
    return Message(name=name, kind=kind, text=text)


def _advice(error: Exception) -> str:
    import jinja2

    if not isinstance(error, jinja2.UndefinedError):
        return ""
    return "\n  it was not measured, or there is no such fact; ask `is defined` where it may be missing"


def _place(error: Exception, file: str) -> str:
    """The template's own line at which it broke."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(_SUFFIX)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else file


def _environment(kind: str, folders: Collection[Path]) -> jinja2.Environment:
    try:
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise UsageError("messages need Jinja2: pip install 'pytest-rollout[messages]'") from None

    environment = ImmutableSandboxedEnvironment(
        loader=jinja2.FileSystemLoader([str(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        finalize=_finalize(kind),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals = {"refuse": _refuse}
    return environment


_ESCAPES: Mapping[str, Callable[[str], str]] = {"md": markdown_text, "html": html_text, "txt": plain}


def _finalize(kind: str) -> Callable[[object], object]:
    """How a value is printed: as JSON in JSON, else as text that is nothing but text."""
    from jinja2 import Undefined

    def finalize(value: object) -> object:
        if isinstance(value, Undefined):
            return value  # which raises where it is printed
        if kind == "json":
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        if not isinstance(value, str | int | float):
            raise TypeError(f"a {type(value).__name__} is not printed as a whole: name what of it is meant")
        shown = int(value) if isinstance(value, float) and value.is_integer() else value  # 50 %, not 50.0 %
        return _ESCAPES[kind](str(shown))

    return finalize


def _refuse(why: str) -> str:
    """For templates: a message that must not be made of this run."""
    raise _RefusedError(why)


def post(message: Message, url: str, *, secrets: Collection[str] = ()) -> None:
    """Send a message to a webhook, and nowhere else: redirects are not followed.

    Args:
        message: What to send; as its own kind.
        url: Where; only its host stands in errors, since the rest is often a secret.
        secrets: Texts that are taken out of the message.

    Raises:
        MessageError: It could not be sent, or was not accepted.
    """
    import httpx

    host = urlsplit(url).hostname or "the webhook"
    text = message.text
    for secret in sorted({each for each in secrets if each}, key=len, reverse=True):
        shown = json.dumps(secret, ensure_ascii=False)[1:-1] if message.kind == "json" else secret
        text = text.replace(shown, _HIDDEN)
    headers = {"content-type": f"{CONTENT[message.kind]}; charset=utf-8"}
    try:
        answer = httpx.post(url, content=text.encode("utf-8", "backslashreplace"), headers=headers, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise MessageError(f"{host}: the message was not sent: {type(error).__name__}") from None
    if not answer.is_success:
        raise MessageError(f"{host}: the message was not accepted: HTTP {answer.status_code}")
