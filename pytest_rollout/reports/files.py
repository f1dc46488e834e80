"""Files: which reports a run writes without being asked again, and where they go.

Those that the plan names go beside `verdict.json`. Where GitHub's variables
are set, its step summary and annotations are made, because a workflow's log
is the last place in which anybody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from pytest_rollout.record import Record
from pytest_rollout.reports.github import SUMMARY, annotated, append_summary
from pytest_rollout.reports.html import html
from pytest_rollout.reports.markdown import COMMENT_BYTES, markdown

NAMES = {"markdown": "verdict.md", "html": "verdict.html"}
"""What the file of each format is called."""
FORMATS: Mapping[str, Callable[[Record], str]] = {
    "markdown": markdown,
    "comment": partial(markdown, most_bytes=COMMENT_BYTES),
    "html": html,
}
"""Every format that a record can be written in."""

Call = tuple[str, Callable[[], object]]
"""What is done, for a complaint; and how."""


def files(record: Record, asked: Collection[str], environ: Mapping[str, str]) -> Iterator[Call]:
    """What is to be written.

    Args:
        record: The run.
        asked: The formats that its plans ask for.
        environ: In which GitHub says where a step's summary goes.
    """
    for name in sorted(asked):
        if record.output is not None:
            yield NAMES[name], partial(_write, record.output / NAMES[name], FORMATS[name], record)
    if environ.get(SUMMARY):
        yield SUMMARY, lambda: append_summary(markdown(record), environ)


def on_github(record: Record, environ: Mapping[str, str]) -> Iterator[str]:
    """What a workflow of GitHub is told by lines of its log; nothing elsewhere."""
    if environ.get("GITHUB_ACTIONS") == "true":
        yield from annotated(record, Path(environ.get("GITHUB_WORKSPACE") or Path.cwd()))


def _write(path: Path, form: Callable[[Record], str], record: Record) -> None:
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text(form(record), encoding="utf-8", errors="backslashreplace")
    unfinished.replace(path)
