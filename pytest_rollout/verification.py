"""Verification: `verdict.json` read back with suspicion.

An exit code can be lost in a pipe; a file can be stale, of another
environment, or edited. No receipt, no go.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import WAITING, Decision, ExitCode
from pytest_rollout.quantities import format_duration
from pytest_rollout.receipt import RUN_ID, SCHEMA
from pytest_rollout.verdict import Pin

_LARGEST_BYTES = 64 * 2**20
_CLOCKS_MAY_DIFFER = timedelta(seconds=60)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a receipt must be about to count; empty or None means any.

    The run is asked for wherever a job has named it: beside a run of one's own
    another may write the same file, and one that ends before this plugin is
    loaded leaves the file of the run before.
    """

    rollout: str = ""
    phase: str = ""
    environment: str = ""
    max_age: timedelta | None = None
    run_id: str | None = field(default_factory=lambda: os.environ.get(RUN_ID))


def verify(path: Path, wanted: Wanted, *, now: datetime) -> tuple[int, list[str]]:
    """Read a receipt again and answer with an exit code of its own.

    Returns:
        The receipt's exit code and its decision in a line, when it is whole,
        live, about what is wanted, fresh, and agrees with its own gates; else
        HOLD (1) and every objection.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return ExitCode.HOLD, [f"{path} is too large to be a receipt"]
        document, objections = examine(path.read_bytes(), wanted, now=now)
        code, line = document["exit_code"], _line(document)
    except OSError as error:
        return ExitCode.HOLD, [f"no receipt, no go: {path}: {error.strerror}"]
    except NOT_A_RECEIPT as error:
        return ExitCode.HOLD, [f"{path} is not a receipt: {why_not(error)}"]
    if objections:
        return ExitCode.HOLD, objections
    return code, [line]


NOT_A_RECEIPT = (ValueError, RecursionError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What `examine`, and whoever reads its document, may raise over bytes that anybody may have written."""


_IN_JSON = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
"""What JSON calls a value, by the type that Python has for it; all others are numbers."""


class _NoReceiptError(ValueError):
    """Why bytes are no receipt, in words for whoever named the file."""


def why_not(error: BaseException) -> str:
    """What an exception of NOT_A_RECEIPT says of the bytes, in words."""
    match error:
        case _NoReceiptError():
            return str(error)
        case UnicodeDecodeError():
            return "not UTF-8"
        case json.JSONDecodeError():
            return f"not JSON, from line {error.lineno}, column {error.colno} on" if error.doc.strip() else "empty"
        case RecursionError():
            return "nested too deeply"
        case KeyError():
            return f"'{error.args[0]}' is missing"
        case _:
            return "a value in it is none that a run writes"


def examine(data: bytes, wanted: Wanted, *, now: datetime) -> tuple[dict[str, Any], list[str]]:
    """A receipt's document, and every objection to it; not wider than its caller's `except NOT_A_RECEIPT`."""
    document = json.loads(data, object_pairs_hook=_each_key_once, parse_constant=_no_number)
    if not isinstance(document, dict):
        raise _NoReceiptError(f"an object is wanted, not {_in_json(document)}")
    return document, _objections(document, wanted, now)


def _in_json(value: object) -> str:
    return _IN_JSON.get(type(value), "a number")


def _line(document: dict[str, object]) -> str:
    judged = ", ".join(f"{each['rollout']} {each['phase']} {each['decision']}" for each in _list(document["verdicts"]))
    return f"{document['decision']}  {judged} · {document['environment']} · {document['evaluated_at']}"


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; a key that stands twice would let two readers see two verdicts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NoReceiptError("a key stands there twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise _NoReceiptError(f"not JSON: {word} is no number")


def _list(value: object) -> list[dict[str, Any]]:
    """A list of objects out of a document that anybody may have written; a wrong item raises where it is read."""
    if not isinstance(value, list):
        raise _NoReceiptError(f"a list is wanted, not {_in_json(value)}")
    return value


def _objections(document: dict[str, object], wanted: Wanted, now: datetime) -> list[str]:
    if document["schema"] != SCHEMA:
        return [f"its schema is {document['schema']!r}, not {SCHEMA!r}"]
    verdicts = _list(document["verdicts"])
    found = [] if document["mode"] == "live" else [f"it is a {document['mode']} run: only a live one may release"]
    if document["embedded"] is not False and not wanted.environment:
        found.append(
            f"it judged '{document['environment']}', an embedded world and not your system: name it with --env"
        )
    if document["fault"] and document["decision"] == Decision.PROCEED.value:
        found.append(f"it judged a world with the fault '{document['fault']}' injected")
    found += _wrong_subject(document, verdicts, wanted)
    found += _wrong_time(str(document["evaluated_at"]), wanted.max_age, now)
    found += contradictions(document, verdicts)
    return found


def _wrong_subject(document: dict[str, object], verdicts: list[dict[str, Any]], wanted: Wanted) -> list[str]:
    found = []
    if wanted.run_id is not None and document["run_id"] != wanted.run_id:
        found.append(f"it is of run '{document['run_id']}', not of '{wanted.run_id}'")
    if wanted.environment and document["environment"] != wanted.environment:
        found.append(f"it judged environment '{document['environment']}', not '{wanted.environment}'")
    pairs = [(each["rollout"], each["phase"]) for each in verdicts]
    matching = [
        pair
        for pair in pairs
        if (not wanted.rollout or pair[0] == wanted.rollout) and (not wanted.phase or pair[1] == wanted.phase)
    ]
    if not matching:
        asked = " ".join(part for part in (wanted.rollout, wanted.phase) if part) or "any phase"
        judged = ", ".join(f"{rollout} {phase}" for rollout, phase in pairs) or "nothing"
        found.append(f"it does not judge {asked}; it judged {judged}")
    return found


def _wrong_time(evaluated_at: str, max_age: timedelta | None, now: datetime) -> list[str]:
    at = datetime.fromisoformat(evaluated_at)
    if at - now > _CLOCKS_MAY_DIFFER:
        return [f"it is from the future ({evaluated_at}): one of the clocks is wrong"]
    if max_age is not None and now - at > max_age:
        return [f"it is {format_duration(now - at)} old, and at most {format_duration(max_age)} is allowed"]
    return []


def contradictions(document: dict[str, object], verdicts: list[dict[str, Any]]) -> list[str]:
    """Where the decision is milder than what stands below it.

    Raises:
        One of NOT_A_RECEIPT: A value in it is none that a run writes.
    """
    said = Decision(document["decision"])
    code = document["exit_code"]
    found = []
    worst = Decision.worst(*(_worst(verdict) for verdict in verdicts))
    if said.severity < worst.severity or (said is Decision.PROCEED and document["reasons"]):
        found.append(f"it says {said.value}, its phases say {worst.value}")
    if type(code) is not int or not _fits(code, said, document, verdicts):
        found.append(f"it says {said.value} and exit code {code!r}")
    if said is Decision.PROCEED:
        found += [sentence for verdict in verdicts for sentence in _unearned(verdict)]
    return found


def _worst(verdict: dict[str, Any]) -> Decision:
    """The worst of what a phase and its gates that count say."""
    gates = [Decision(gate["decision"]) for gate in _list(verdict["gates"]) if gate["counts"] is not False]
    return Decision.worst(Decision(verdict["decision"]), *gates)


def _fits(code: int, said: Decision, document: dict[str, object], verdicts: list[dict[str, Any]]) -> bool:
    """Whether a process that decided so returns this code: its own, or a status of pytest's that stands.

    No code beyond 255: a shell keeps the last eight bits, and those of 256 are 0.
    """
    if said is Decision.PROCEED:
        return code == ExitCode.PROCEED
    if code == ExitCode.HOLD_WAITING:
        holding = [verdict for verdict in verdicts if verdict["decision"] == Decision.HOLD.value]
        reasons = [{because["code"] for because in _list(verdict["reasons"])} for verdict in holding]
        return said is Decision.HOLD and not document["reasons"] and all(each and each <= WAITING for each in reasons)
    other = ExitCode.ROLLBACK if said is Decision.HOLD else ExitCode.HOLD
    return ExitCode.HOLD <= code <= 255 and code != other


def _unearned(verdict: dict[str, Any]) -> list[str]:
    counting = [gate for gate in _list(verdict["gates"]) if gate["counts"] is True]
    if not counting or verdict["reasons"]:
        return [f"{verdict['phase']} is said to PROCEED without a gate that counts, or with reasons against it"]
    return [
        f"{gate['id']} is said to PROCEED without claims that are all proven"
        for gate in counting
        if gate["decision"] != Decision.PROCEED.value
        or not gate["claims"]
        or any(claim["truth"] != Truth.PROVEN.value for claim in gate["claims"])
    ]


def pins_of(path: Path) -> dict[tuple[str, str], Pin]:
    """The ends of ledgers that an earlier receipt names, by rollout and environment.

    A file that is no receipt names none: it is no witness of anything.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return {}
        document = json.loads(path.read_bytes())
        return {
            (str(each["rollout"]), str(pin["environment"])): Pin(
                environment=str(pin["environment"]), entries=int(pin["entries"]), digest=str(pin["digest"])
            )
            for each in _list(document["verdicts"])
            if (pin := each.get("ledger")) and pin["digest"]
        }
    except (OSError, *NOT_A_RECEIPT):
        return {}
