"""Responses: from the checked document to what is done when a verdict is final.

`on_rollback` and `on_proceed` name actions and the conditions that must hold
afterwards. A phase's own stand in place of the plan's. An action that nothing
verifies is refused, and so is one that cannot be meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_rollout.actions import ACTION_KINDS
from pytest_rollout.actions.protocol import PERCENTAGE, WORDS, filled, words_in
from pytest_rollout.errors import QuantityError, SourceError, did_you_mean, listed
from pytest_rollout.plan.environment import SourceConfig
from pytest_rollout.plan.nodes import Findings, Kind, Node, quoted
from pytest_rollout.plan.phase import Condition, Response
from pytest_rollout.quantities import Quantity
from pytest_rollout.sources.protocol import OptionValue

EVENTS = ("on_rollback", "on_proceed")
COMPARISONS = ("is", "at_most", "at_least")
_NAMED = re.compile(r"option '(\w+)'")


def build_responses(node: Node, units: Mapping[str, str], findings: Findings) -> dict[str, Response]:
    """What a plan or a phase does, by the event; `units` are the units of the metrics that can be asked."""
    return {event: _response(node.fields[event], units, findings) for event in EVENTS if event in node.fields}


def check_rto(checked: Node, written: Node, findings: Findings) -> None:
    """Actions have a time in which they must have worked, and such a time is for actions."""
    stating = [node for node in (written, *written.fields_of("phases").values()) if set(EVENTS) & node.fields.keys()]
    rto = checked.get("rto")
    if stating and written.get("rto") is None:
        event = next(name for name in EVENTS if name in stating[0].fields)
        found = f"'{event}', and nothing says how long it may take until it is verified"
        findings.at_key(stating[0].fields[event], found, "write 'rto: 15m' in the plan, or whatever is promised")
    elif rto is not None and not stating:
        findings.at_key(rto, "'rto' is for on_rollback and on_proceed, and there is neither", "remove it")


def _response(node: Node, units: Mapping[str, str], findings: Findings) -> Response:
    actions = node.fields["actions"].items if "actions" in node.fields else ()
    conditions = node.fields["verify"].items if "verify" in node.fields else ()
    built = tuple(_action(each, findings) for each in actions)
    verify = tuple(each for row in conditions if (each := _condition(row, units, findings)) is not None)
    return Response(actions=built, verify=verify, place=findings.place(node))


def _action(node: Node, findings: Findings) -> SourceConfig:
    kind = node.text_of("kind")
    stated = {name: below for name, below in node.fields.items() if name != "kind"}
    options = {name: _option(below) for name, below in stated.items()}
    unknown = False
    for name, below in stated.items():
        for word in sorted(words_in(options[name]) - set(WORDS)):
            unknown = True
            found = f"unknown word '{{{word}}}'"
            findings.at(below, found, f"words in braces: {listed(WORDS)}", *did_you_mean(word, WORDS))
    if kind in ACTION_KINDS and not unknown:
        _try(kind, options, node, findings)
    place = findings.place(node)
    places = {name: findings.place_of_value(below) for name, below in stated.items()}
    return SourceConfig(name=kind, kind=kind, options=options, place=place, places=places)


def _try(kind: str, options: Mapping[str, OptionValue], node: Node, findings: Findings) -> None:
    """Open an action as it will be, with words that stand in, to hear what is wrong with it."""
    words: dict[str, object] = {word: 0 if word == PERCENTAGE else word for word in WORDS}
    form = {option.name for option in ACTION_KINDS[kind].options if option.required}
    if not form <= options.keys():
        return  # said where it is missing
    try:
        ACTION_KINDS[kind].open(options_filled(options, words), Path())
    except SourceError as error:
        found, *fix = str(error).split("\n")
        named = _NAMED.match(found)
        at = node.fields.get(named[1], node) if named else node
        findings.at(at, found, *fix)


def options_filled(options: Mapping[str, OptionValue], words: Mapping[str, object]) -> dict[str, OptionValue]:
    """The options of an action with their words filled in."""
    done = {name: filled(value, words) for name, value in options.items()}
    return {name: value if isinstance(value, (str, Mapping, list)) else str(value) for name, value in done.items()}


def _option(node: Node) -> OptionValue:
    if node.kind is Kind.MAPPING:
        return {key: below.value for key, below in node.fields.items()}
    if node.kind is Kind.LIST:
        return [below.value for below in node.items]
    return node.text


def _condition(node: Node, units: Mapping[str, str], findings: Findings) -> Condition | None:
    about = [name for name in ("metric", "flag") if name in node.fields]
    said = [name for name in COMPARISONS if name in node.fields]
    if len(about) != 1 or len(said) != 1:
        found = "a condition is of one metric or of one flag, and says one of is, at_most, at_least"
        findings.at_key(node, found, "such as {metric: served_percentage, is: '{percentage}'}")
        return None
    metric, flag, value = node.text_of("metric"), node.text_of("flag"), node.fields[said[0]]
    if metric and metric not in units:
        fix = (f"metrics: {listed(units)}", *did_you_mean(metric, units))
        findings.at(node.fields["metric"], f"unknown metric {quoted(metric)}", *fix)
        return None
    condition = Condition(metric=metric, flag=flag, what=said[0], value=value.value, place=findings.place(node))
    words = words_in(value.text)
    for below in (value, node.fields[about[0]]):
        if "${" in below.text:
            findings.at(below, "environment variables are not filled in here", "write the value itself")
    if words and value.text != f"{{{PERCENTAGE}}}":
        findings.at(value, f"{quoted(value.text)} is no value", "one word may stand here: '{percentage}'")
        return None
    return replace(condition, number=_number(condition, value, units, findings))


def _number(condition: Condition, value: Node, units: Mapping[str, str], findings: Findings) -> float | None:
    """The number to compare with, in the metric's unit; None for the percentage, and for a flag that is no number."""
    percentage = value.text == f"{{{PERCENTAGE}}}"
    if condition.flag:
        plain = value.value
        number = float(plain) if isinstance(plain, int | float) and not isinstance(plain, bool) else None
        if condition.what != "is" and number is None and not percentage:
            findings.at(value, f"{quoted(value.text)} is no number, and nothing is more or less than it", "write is:")
        return number
    unit = units[condition.metric]
    try:
        if percentage:
            Quantity(0.0, "%").to(unit)
            return None
        return Quantity.parse(value.text).to(unit)
    except QuantityError as error:
        findings.at(value, *str(error).splitlines())
        return None
