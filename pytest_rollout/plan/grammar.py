"""The grammar of `rollout.yaml`: every key that is judged, and every one that is not yet.

A key that is not judged yet is refused, never read and ignored: a plan that
says `minimum: 14d` to a version that does not look at it would be obeyed by
nobody, and believed by everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pytest_rollout.actions import ACTION_KINDS
from pytest_rollout.plan.conditions import PERCENT, PHASE_KEYS, parse_percent
from pytest_rollout.plan.experiments import experiment_shape
from pytest_rollout.plan.looks import LOOK_KEYS
from pytest_rollout.plan.model import BASELINE, CONTROL, REPORT_FILES
from pytest_rollout.plan.numbers import (
    SUMMARY_PATTERN,
    parse_burst,
    parse_confidence,
    parse_quantile,
    parse_summary,
)
from pytest_rollout.plan.shape import Choice, Name, Parsed, Shape, Text
from pytest_rollout.plan.structures import ByKind, Either, Fields, ListOf, MapOf, Others, Refusal, RowsOf, Split, Tree
from pytest_rollout.plan.thresholds import NUMBER_PATTERN, PATTERN, parse_limit, parse_number
from pytest_rollout.quantities import Quantity, Unit, parse_duration
from pytest_rollout.sources.protocol import Kind, Option

BUDGET_KEYS = frozenset({"phases", "against", "action", "runbook"})
"""The keys of a budget that are no levels."""

_HOOKS = "comes with hooks on verdicts"

NOT_JUDGED_YET: Mapping[str, Mapping[str, str]] = {
    "plan": {
        "on_hold": _HOOKS,
    },
    "phase": {
        "on_hold": _HOOKS,
    },
}
"""Keys of the full plan that this version does not judge, and what they come with."""


def plan_shape(kinds: Mapping[str, Kind[object]], flag_kinds: Mapping[str, Kind[object]]) -> Fields:
    """The shape of a whole plan, given the kinds of sources and of flags that there are."""
    return Fields(
        about="a plan: which numbers a rollout is judged by, in which phases, and where they come from",
        required={
            "rollout": _ROLLOUT,
            "phases": MapOf(about="phases by name, in their order", names=_PHASE_NAME, values=_PHASE, at_least=1),
            "environments": MapOf(
                about="where the rollout can be judged, by name",
                names=_ENVIRONMENT_NAME,
                values=_environment(kinds, flag_kinds),
                at_least=1,
            ),
        },
        optional={
            "title": Text(about="what the rollout is about, for readers"),
            "owner": Text(about="who answers for the rollout"),
            "runbook": Text(about="where its runbook is"),
            "environment": Text(about="the environment to judge in when none is named"),
            "confidence": Parsed(
                about="the probability with which each bound of an interval holds, such as 0.95",
                parse=parse_confidence,
                pattern=NUMBER_PATTERN,
            ),
            "every": _duration("how often the gates are judged, such as 1h"),
            "percentage": Text(about="the metric that says how much traffic is served now, in %"),
            "partial": _PARTIAL,
            "looks": Choice(
                about="whether bounds hold however often gates run, or at one look (continuous if not said)",
                words=("continuous", "once"),
            ),
            "experiment": experiment_shape("what is compared with what", whole=True),
            "baseline": _BASELINE,
            "reports": _REPORTS,
            "evidence_age": _duration("how old a verdict may be whose approval still counts (7d if not said)"),
            "rto": _duration("how long it may take from a decision until its actions are verified, such as 15m"),
            **_RESPONSES,
            "metrics": MapOf(about="metrics by name", names=_METRIC_NAME, values=_METRIC),
            "budgets": MapOf(about="limits by the metric they judge", names=_METRIC_NAME, values=_BUDGET),
        },
        refused=_not_yet("plan"),
    )


def _not_yet(what: str) -> dict[str, Refusal]:
    found = "not judged yet by this version: it would be read and ignored; remove it"
    return {key: (found, when) for key, when in NOT_JUDGED_YET[what].items()}


_ROLLOUT = Name(
    about="the rollout's name",
    pattern="[a-z0-9][a-z0-9-]*",
    letters="lower-case letters, digits and '-', first a letter or digit",
)
_METRIC_NAME = Name(
    about="a metric's name",
    pattern="[a-z][a-z0-9_.]*",
    letters="lower-case letters, digits, '_' and '.', first a letter",
)
_PHASE_NAME = Name(
    about="a phase's name, which is its marker too",
    pattern="[a-z][a-z0-9_]*",
    letters="lower-case letters, digits and '_', first a letter",
)
_LINK_NAME = Name(about="what a link leads to", pattern=_PHASE_NAME.pattern, letters=_PHASE_NAME.letters)
_LEVEL_NAME = Name(about="a level's name", pattern=_PHASE_NAME.pattern, letters=_PHASE_NAME.letters)
_ENVIRONMENT_NAME = Name(
    about="an environment's name",
    pattern="[a-z][a-z0-9_-]*",
    letters="lower-case letters, digits, '_' and '-', first a letter",
)
_SOURCE_NAME = Name(about="a source's name", pattern=_ENVIRONMENT_NAME.pattern, letters=_ENVIRONMENT_NAME.letters)


def _duration(about: str) -> Parsed:
    return Parsed(about=about, parse=parse_duration, pattern="[0-9].*")


_KIND_NAME = Name(
    about="a kind of source", pattern="[a-z][a-z0-9_]*", letters="lower-case letters, digits and '_', first a letter"
)


def _query(about: str) -> Either:
    """A query, or one for each kind of source that environments ask."""
    text = Text(about=about, lines=True)
    return Either(about=about, short=text, long=MapOf(about=about, names=_KIND_NAME, values=text, at_least=1))


_BASELINE = Fields(
    about="what metrics were before the rollout",
    optional={
        "window": _duration("over how many days it is recorded, such as 14d (14d if not said)"),
        "max_age": _duration("how old it may be, such as 60d (90d if not said)"),
    },
)
_REPORTS = Fields(
    about="what a run leaves for people",
    optional={
        "files": ListOf(
            about="what is written beside verdict.json",
            items=Choice(about="a format of reports", words=REPORT_FILES),
        ),
        "templates": Text(about="a folder of messages of one's own, from the plan's folder on"),
        "links": MapOf(
            about="addresses to read on at, by what is there, such as dashboard or issue",
            names=_LINK_NAME,
            values=Text(about="an address, such as https://grafana.example.org/d/shop"),
        ),
    },
)
_PARTIAL = Fields(
    about="where a rollback by half may rest, between the stages",
    required={"steps": ListOf(about="the percentages, such as [50 %, 25 %, 10 %]", items=PERCENT)},
    optional={"watch": _duration("how long the traffic is watched there, such as 2h")},
)
_NO_DATA = Fields(
    about="what an empty answer means, while another metric shows that the source is alive",
    required={
        "as": Parsed(
            about="the number it means, in the metric's unit, such as 0", parse=parse_number, pattern=NUMBER_PATTERN
        ),
        "alive": Text(about="a metric that is always there while the source works"),
        "because": Text(about="why an empty answer means that number"),
    },
)
_RATIO = Fields(
    about="a share as two counts, because a share of 1000 requests is a sample and no fact",
    required={
        "of": _query("what is asked for the smaller count, such as failed requests"),
        "over": _query("what is asked for the larger count, such as all requests"),
    },
)
_METRIC = Fields(
    about="one number that a source gives",
    optional={
        "source": Text(about="the source that is asked, by its name in the environments"),
        "samples": Text(about="the rows of an experiment: a source and a column of its table, as recalls.latency_ms"),
        "pairs": Text(about="a column that names the question, where the same ones were put to both arms"),
        "timed_out": Text(about="a column that is true in rows that never ended, which are endless then"),
        "cap": Parsed(
            about="rows beyond count as this in means, such as 10 s", parse=Quantity.parse, pattern=r"[0-9.].*"
        ),
        "range": ListOf(
            about="the lowest and the highest that a row can be, such as [0, 1]",
            items=Parsed(about="a number", parse=parse_number, pattern=NUMBER_PATTERN),
        ),
        "query": _query("what the source is asked"),
        "series": _query("what the source is asked for a series over time, where that is another query"),
        "ratio": _RATIO,
        "title": Text(about="what the number says, for readers"),
        "unit": Parsed(about="its unit, such as ms, MB, % or 1/h", parse=Unit.parse, pattern=".*"),
        "better": Choice(about="which way is good: lower or higher", words=("lower", "higher")),
        "max_age": Parsed(
            about="how old it may be, such as 60s (5m if not said), or any",
            parse=parse_duration,
            pattern="[0-9].*",
            words=("any",),
        ),
        "no_data": _NO_DATA,
        "step": _duration("how far apart the samples of its series are, such as 60s"),
        "over": _duration("the window that it summarises, such as 24h"),
        "as": Parsed(
            about="what of the window: mean, max, min, last, slope, growth or a percentile such as p99",
            parse=parse_summary,
            pattern=SUMMARY_PATTERN,
        ),
        "quantile": Parsed(
            about="the quantile of the histogram that the query answers, such as 0.99",
            parse=parse_quantile,
            pattern=NUMBER_PATTERN,
        ),
        "within": ListOf(
            about="the value is the share of the histogram above the first and up to the second, such as [0.7, 0.9]",
            items=Parsed(about="a number", parse=parse_number, pattern=NUMBER_PATTERN),
        ),
        "burst": Parsed(
            about="how many events of a ratio, quantile or share come together, at least (2 if not said)",
            parse=parse_burst,
            pattern=NUMBER_PATTERN,
        ),
    },
    one_of=("query", "series", "ratio", "samples"),
)

_THRESHOLD = Parsed(
    about="a number and its unit, such as 600 MB, a range, such as 10..1000 /h, or a change, such as +10 %",
    parse=parse_limit,
    pattern=PATTERN,
)
_DECISION = Choice(about="what being beyond it asks for: hold or rollback", words=("hold", "rollback"))
_AGAINST = Choice(about="the reference that its levels are changes from", words=(BASELINE, CONTROL))
_TO = Parsed(
    about="the traffic that a rollback goes back to: previous, half, or a percentage",
    parse=parse_percent,
    pattern=r"[0-9.].*",
    words=("previous", "half"),
)
_ACTION = Text(about="what to do when it is crossed")
_RUNBOOK = Text(about="where it is written what to do")


def _level(*, decision_required: bool) -> Fields:
    decision: dict[str, Shape] = {"decision": _DECISION}
    return Fields(
        about="a level: its limit, and what being beyond it asks for",
        required={"limit": _THRESHOLD, **(decision if decision_required else {})},
        optional={
            **({} if decision_required else decision),
            "for": _duration("how long it must last before it counts, such as 5m"),
            "to": _TO,
            "action": _ACTION,
            "runbook": _RUNBOOK,
        },
        refused={"against": ("belongs to the budget, for all of its levels", "write it one level up")},
    )


def _budget(about: str, required: Mapping[str, Shape], refused: Mapping[str, Refusal]) -> Fields:
    level = Either(
        about="a limit, or a mapping with limit, decision, for, action, runbook",
        short=_THRESHOLD,
        long=_level(decision_required=False),
    )
    return Fields(
        about=about,
        required=required,
        optional={"against": _AGAINST, "warning": level, "critical": level, "action": _ACTION, "runbook": _RUNBOOK},
        refused={"for": _FOR_AT_A_LEVEL, "to": _TO_AT_A_LEVEL, **refused},
        others=Others(
            about="any further level says its decision: {limit: ..., decision: hold or rollback}",
            names=_LEVEL_NAME,
            values=_level(decision_required=True),
        ),
    )


_TO_AT_A_LEVEL: Refusal = ("where to go back to belongs to a level", "write it there: critical: {limit: ..., to: 0 %}")
_FOR_AT_A_LEVEL: Refusal = ("a duration belongs to a level", "write it there: critical: {limit: ..., for: 5m}")
_PHASES = ListOf(about="the phases it holds in", items=Text(about="a phase's name"))
_BUDGET = _budget("a metric's limit in some phases, its levels from mild to severe", {"phases": _PHASES}, {})
_PHASE_BUDGET = _budget(
    "a metric's limit in this phase, in place of the general one",
    {},
    {"phases": ("a phase's own budget holds in that phase alone", "remove 'phases'")},
)


def _by_kind(about: str, kinds: Mapping[str, Kind[object]]) -> ByKind:
    return ByKind(about=about, forms=_Forms(kinds))


class _Forms(Mapping[str, Fields]):
    """The form of each kind, made when a plan names it: a kind is imported to be looked at."""

    def __init__(self, kinds: Mapping[str, Kind[object]]) -> None:
        self._kinds = kinds

    def __getitem__(self, name: str) -> Fields:
        return _form(self._kinds[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


_VALUE = Text(about="the value, in the metric's unit, or '{percentage}': where the traffic goes")
_RESPONSE = Fields(
    about="what is done, with --rollout-act, once a verdict is final, and how it is seen that it worked",
    required={
        "actions": RowsOf(about="what is done, in this order", rows=_by_kind("one thing to do", ACTION_KINDS)),
        "verify": RowsOf(
            about="what must hold afterwards",
            rows=Fields(
                about="one condition: of a metric or a flag, read again",
                optional={
                    "metric": Text(about="the metric that is read again"),
                    "flag": Text(about="the flag that is read again"),
                    "is": _VALUE,
                    "at_most": _VALUE,
                    "at_least": _VALUE,
                },
            ),
        ),
    },
)
_RESPONSES: Mapping[str, Shape] = {"on_rollback": _RESPONSE, "on_proceed": _RESPONSE}
_PHASE = Fields(
    about="one phase of the rollout",
    optional={
        "title": Text(about="what the phase is, for readers"),
        **PHASE_KEYS,
        **LOOK_KEYS,
        **_RESPONSES,
        "experiment": experiment_shape("what of the experiment is otherwise in this phase", whole=False),
        "budgets": MapOf(about="limits by the metric they judge", names=_METRIC_NAME, values=_PHASE_BUDGET),
    },
    refused=_not_yet("phase"),
)


_MEMORY: Mapping[str, Shape] = {
    "ledger": Text(about="what remembers evaluations: a file beside the plan, or a database's URL"),
    "approvals": Text(about="the folder of signatures and of who may sign, beside the plan (the plan's own)"),
    "change": Fields(
        about="what is rolled out, as git knows it: whoever made a part of it cannot approve it",
        optional={
            "since": Text(about="the commit that is released now; every commit counts if not said"),
            "paths": ListOf(about="where the change is, from the plan's folder on", items=Text(about="a path")),
        },
    ),
}


def _environment(kinds: Mapping[str, Kind[object]], flag_kinds: Mapping[str, Kind[object]]) -> Shape:
    alone: Refusal = ("an embedded world brings its own", "keep either 'world' or this")
    sources = MapOf(about="sources by name", names=_SOURCE_NAME, values=_by_kind("where numbers come from", kinds))
    return Split(
        about="an embedded world, or the target, flags and sources of a real system",
        key="world",
        having=Fields(
            about="an embedded world",
            required={"world": Text(about="the file of the embedded world, beside the plan")},
            optional={"stage": PERCENT, **_MEMORY},
            refused=dict.fromkeys(("target", "flags", "sources", "load"), alone),
        ),
        lacking=Fields(
            about="a real system",
            optional={
                "target": Text(about="the address of the service under rollout"),
                "flags": _by_kind("where feature flags are read", flag_kinds),
                "sources": sources,
                "load": ListOf(
                    about="addresses besides the target whose hosts may be put under load",
                    items=Text(about="an address, such as https://staging.example.org"),
                ),
                **_MEMORY,
            },
        ),
    )


def _form(kind: Kind[object]) -> Fields:
    shapes = {option.name: _option(option) for option in kind.options}
    needed = {option.name for option in kind.options if option.required}
    return Fields(
        about=kind.about,
        required={
            "kind": Choice(about=f"what it is: {kind.name}", words=(kind.name,)),
            **{name: shape for name, shape in shapes.items() if name in needed},
        },
        optional={name: shape for name, shape in shapes.items() if name not in needed},
    )


def _option(option: Option) -> Shape:
    return Tree(about=option.about) if option.mapping else Text(about=option.about)
