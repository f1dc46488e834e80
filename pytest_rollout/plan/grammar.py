"""The grammar of `rollout.yaml`: every key that is judged, and every one that is not yet.

A key that is not judged yet is refused, never read and ignored: a plan that
says `minimum: 14d` to a version that does not look at it would be obeyed by
nobody, and believed by everybody.
"""

from __future__ import annotations

from collections.abc import Mapping

from pytest_rollout.actions import ACTION_KINDS
from pytest_rollout.plan import names
from pytest_rollout.plan.budget_shape import BUDGET, PHASE_BUDGET
from pytest_rollout.plan.conditions import PERCENT, PHASE_KEYS
from pytest_rollout.plan.experiments import experiment_shape
from pytest_rollout.plan.forms import by_kind
from pytest_rollout.plan.looks import LOOK_KEYS
from pytest_rollout.plan.metric_shape import METRIC
from pytest_rollout.plan.model import REPORT_FILES
from pytest_rollout.plan.numbers import parse_confidence
from pytest_rollout.plan.shape import Choice, Parsed, Shape, Text, duration
from pytest_rollout.plan.structures import Fields, ListOf, MapOf, Refusal, RowsOf, Split
from pytest_rollout.plan.thresholds import NUMBER_PATTERN
from pytest_rollout.sources.protocol import Kind

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
            "rollout": names.ROLLOUT,
            "phases": MapOf(about="phases by name, in their order", names=names.PHASE, values=_PHASE, at_least=1),
            "environments": MapOf(
                about="where the rollout can be judged, by name",
                names=names.ENVIRONMENT,
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
            "every": duration("how often the gates are judged, such as 1h"),
            "percentage": Text(about="the metric that says how much traffic is served now, in %"),
            "partial": _PARTIAL,
            "looks": Choice(
                about="whether bounds hold however often gates run, or at one look (continuous if not said)",
                words=("continuous", "once"),
            ),
            "experiment": experiment_shape("what is compared with what", whole=True),
            "baseline": _BASELINE,
            "reports": _REPORTS,
            "evidence_age": duration("how old a verdict may be whose approval still counts (7d if not said)"),
            "rto": duration("how long it may take from a decision until its actions are verified, such as 15m"),
            **_RESPONSES,
            "metrics": MapOf(about="metrics by name", names=names.METRIC, values=METRIC),
            "budgets": MapOf(about="limits by the metric they judge", names=names.METRIC, values=BUDGET),
        },
        refused=_not_yet("plan"),
    )


def _not_yet(what: str) -> dict[str, Refusal]:
    found = "not judged yet by this version: it would be read and ignored; remove it"
    return {key: (found, when) for key, when in NOT_JUDGED_YET[what].items()}


_BASELINE = Fields(
    about="what metrics were before the rollout",
    optional={
        "window": duration("over how many days it is recorded, such as 14d (14d if not said)"),
        "max_age": duration("how old it may be, such as 60d (90d if not said)"),
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
            names=names.LINK,
            values=Text(about="an address, such as https://grafana.example.org/d/shop"),
        ),
    },
)
_PARTIAL = Fields(
    about="where a rollback by half may rest, between the stages",
    required={"steps": ListOf(about="the percentages, such as [50 %, 25 %, 10 %]", items=PERCENT)},
    optional={"watch": duration("how long the traffic is watched there, such as 2h")},
)
_VALUE = Text(about="the value, in the metric's unit, or '{percentage}': where the traffic goes")
_RESPONSE = Fields(
    about="what is done, with --rollout-act, once a verdict is final, and how it is seen that it worked",
    required={
        "actions": RowsOf(about="what is done, in this order", rows=by_kind("one thing to do", ACTION_KINDS)),
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
        "budgets": MapOf(about="limits by the metric they judge", names=names.METRIC, values=PHASE_BUDGET),
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
    sources = MapOf(about="sources by name", names=names.SOURCE, values=by_kind("where numbers come from", kinds))
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
                "flags": by_kind("where feature flags are read", flag_kinds),
                "sources": sources,
                "load": ListOf(
                    about="addresses besides the target whose hosts may be put under load",
                    items=Text(about="an address, such as https://staging.example.org"),
                ),
                **_MEMORY,
            },
        ),
    )
