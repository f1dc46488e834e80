"""AlertRules: how many alerts of a rule are firing.

`firing alerts of NAME` is no PromQL, so it cannot be mistaken for a query.
The number is known only of a rule that is there and in good health: an alert
that nobody evaluates does not fire either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from pytest_rollout.errors import SourceError, did_you_mean
from pytest_rollout.sources.document import answers_now, first_line, instant_of
from pytest_rollout.sources.prometheus_api import Conversation
from pytest_rollout.sources.protocol import Question, Sample, unable

_QUERY = re.compile(r"firing\s+alerts\s+of\s+(\S+)")
_PATH = "/api/v1/rules"


def rule_of(query: str) -> str:
    """The rule that a query asks for; empty when it is something else."""
    found = _QUERY.fullmatch(query.strip())
    return found[1] if found else ""


def firing(talk: Conversation, question: Question, now: datetime) -> Sample:
    """How many alerts of the rule are firing, as of its last evaluation.

    Raises:
        SourceError: No such rule, or its health is not 'ok'; the rules are as they are now only.
    """
    name, where = rule_of(question.query), talk.service.shown(_PATH)
    unable(question, where, "prometheus (alert rules)")
    answers_now(question.at, now, where)
    rules = _alerting(talk.data(_PATH, {"type": "alert", "rule_name[]": name}))
    mine = [rule for rule in rules if rule.get("name") == name]
    if not mine:
        known = [str(rule.get("name")) for rule in rules]
        lines = [f"{where}: there is no alert rule '{first_line(name, 80)}'", *did_you_mean(name, known)]
        raise SourceError("\n".join(lines))
    for rule in mine:
        if rule.get("health") != "ok":
            why = first_line(str(rule.get("lastError") or "")) or "it was not evaluated yet"
            health = first_line(str(rule.get("health")), 30)
            raise SourceError(f"{where}: the health of alert rule '{name}' is '{health}': {talk.service.redacted(why)}")
        firing_now = [alert for alert in _mappings(rule.get("alerts")) if alert.get("state") == "firing"]
        if not isinstance(rule.get("alerts"), list) or (rule.get("state") == "firing" and not firing_now):
            # A list that was left out is not an empty one.
            said = f"whose state is '{first_line(str(rule.get('state')), 30)}', does not list its alerts"
            raise SourceError(f"{where}: alert rule '{name}', {said}\nask a server that lists them")
    alerts = [alert for rule in mine for alert in _mappings(rule.get("alerts"))]
    evaluated = [instant_of(rule.get("lastEvaluation"), f"{where}: lastEvaluation of '{name}'") for rule in mine]
    return Sample(value=float(sum(alert.get("state") == "firing" for alert in alerts)), at=min(evaluated))


def _alerting(data: Mapping[str, object]) -> list[Mapping[str, object]]:
    rules = [rule for group in _mappings(data.get("groups")) for rule in _mappings(group.get("rules"))]
    return [rule for rule in rules if rule.get("type", "alerting") == "alerting"]


def _mappings(found: object) -> list[Mapping[str, object]]:
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
