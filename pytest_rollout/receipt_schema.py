"""The receipt's schema: what `verdict.json` holds, for those who read it with their own tools.

Published by `rollout schema verdict`; a test holds every receipt of the
suite against it. Keys are added in later versions, never taken away.
"""

from __future__ import annotations

from pytest_rollout.actions.outcome import State
from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import MEANING, Decision
from pytest_rollout.receipt import SCHEMA

Schema = dict[str, object]


def receipt_schema() -> Schema:
    """The JSON Schema (draft 2020-12) of `verdict.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "pytest-rollout verdict",
        **_object(
            {
                "schema": {"const": SCHEMA},
                "run_id": _text("One run; two runs never share it."),
                "mode": {"enum": ["live", "past", "replay"], "description": "Only live may release."},
                "decision": _decision("The worst of all phases; HOLD when nothing was judged."),
                "exit_code": {"type": "integer", "minimum": 0, "description": "What the process returned."},
                "environment": _text("Where it was judged; 'demo' worlds prove nothing about a real system."),
                "embedded": {"type": "boolean", "description": "An embedded world, not your system."},
                "fault": _maybe("string", "The fault that was injected into it."),
                "evaluated_at": {"type": "string", "format": "date-time", "description": "The run's instant, UTC."},
                "versions": {"type": "object", "additionalProperties": {"type": "string"}},
                "git": {
                    "type": ["object", "null"],
                    "description": "Commit of the gates, and whether they had uncommitted changes.",
                },
                "reasons": _array(_reason(), "What concerns the whole run."),
                "verdicts": _array(_verdict(), "One for each rollout and phase that was asked."),
            }
        ),
    }


def _verdict() -> Schema:
    return _object(
        {
            "rollout": _text("As in its plan."),
            "phase": _text("As in its plan."),
            "stage": {"type": ["string", "null"], "description": "Where a phase has stages."},
            "decision": _decision("The worst gate that counts."),
            "current_percentage": _maybe("number", "How much traffic is served, in %; null when nobody knows it."),
            "next_percentage": _maybe("number", "How much the plan serves next, in %; null at the last stage."),
            "rollback_percentage": _maybe("number", "Where a ROLLBACK goes, in %; null for other decisions."),
            "hold_left": _maybe("number", "Seconds that are left of the stage's hold."),
            "reasons": _array(_reason(), "Every reason against PROCEED; none for PROCEED."),
            "plan_digest": _text("SHA-256 of rollout.yaml."),
            "lock_digest": {"type": ["string", "null"], "description": "SHA-256 of gates.lock."},
            "evidence_digest": {
                "type": ["string", "null"],
                "description": "SHA-256 of what the rollout's sources answered; evidence.zip holds it.",
            },
            "ledger": {
                **_object(
                    {
                        "environment": _text("Whose ledger."),
                        "entries": {"type": "integer", "minimum": 0, "description": "How many entries it had."},
                        "digest": _text("Of the last one: what `rollout ledger check --head` takes."),
                    }
                ),
                "type": ["object", "null"],
                "description": "The end of the ledger that was relied on; null where there is none.",
            },
            "gates": _array(_gate(), "Every gate that was collected, planned or locked for the phase."),
            "actions": {
                "anyOf": [_outcome(), {"type": "null"}],
                "description": "What was done, or would be with --rollout-act; null where the plan says nothing.",
            },
        }
    )


def _outcome() -> Schema:
    return _object(
        {
            "event": {"enum": ["on_rollback", "on_proceed"]},
            "state": _state("How it ended; 'shown' where nothing was done."),
            "why": _maybe("string", "Why nothing was done, or what went wrong."),
            "percentage": _maybe("number", "Where the traffic goes, in %."),
            "rto_seconds": {"type": "number", "description": "How long it may take from the decision."},
            "seconds": _maybe("number", "How long it took until all conditions held; null where they never did."),
            "steps": _array(
                _object(
                    {
                        "kind": _text("As in the plan."),
                        "does": _text("In a line, without secrets."),
                        "state": _state("How it ended."),
                        "what": _maybe("string", "What it changed, or what went wrong."),
                        "backup": _maybe("string", "Where what was there before is kept."),
                        "before": _maybe("string", "SHA-256 of the file before."),
                        "after": _maybe("string", "SHA-256 of the file after."),
                    }
                ),
                "The actions, in their order.",
            ),
            "verified": _array(
                _object(
                    {
                        "text": _text("The condition."),
                        "held": {"type": ["boolean", "null"], "description": "Null where nothing was done."},
                        "seen": _maybe("string", "What was read."),
                    }
                ),
                "What had to hold afterwards.",
            ),
        }
    )


def _state(description: str) -> Schema:
    return {"enum": [each.value for each in State], "description": description}


def _gate() -> Schema:
    return _object(
        {
            "id": _text("Relative to the rollout's folder."),
            "title": _text("Its docstring, or its metric's title."),
            "owner": _maybe("string", "Who answers for it."),
            "severity": _maybe("string", "As marked."),
            "runbook": _maybe("string", "What to do."),
            "rollback": {"type": "boolean", "description": "Whether its failure takes the release back."},
            "counts": {"type": "boolean", "description": "False in shadow, and for another stage."},
            "applies": {"type": "boolean", "description": "False for a gate of another stage, which was not asked."},
            "decision": _decision("Of this gate alone."),
            "reason": _maybe("string", "A reason code, or a level's name; null for PROCEED."),
            "sentence": _maybe("string", "The reason with its numbers."),
            "claims": _array(_claim(), "In the order in which they were made."),
        }
    )


def _claim() -> Schema:
    return _object(
        {
            "text": _text("As it stands in the gate."),
            "truth": {"enum": [truth.value for truth in Truth]},
            "subject": _text("What was seen."),
            "value": {"type": ["number", "boolean", "string", "null"], "description": "Null when nobody knows it."},
            "low": _maybe("number", "Null: unbounded; `why` says why."),
            "high": _maybe("number", "Null: unbounded; `why` says why."),
            "confidence": {"type": "number", "description": "Of each bound; 1 for exact readings."},
            "alpha": {"type": "number", "minimum": 0, "maximum": 1, "description": "Smallest level at which refuted."},
            "limit": _text("What it was held against."),
            "level": _text("The level of the limit that is crossed; empty for none."),
            "decision": {"enum": [*(each.value for each in Decision), None]},
            "trigger": {"type": "boolean", "description": "Whether crossing the limit could take the release back."},
            "to": _text("The traffic that a rollback for it goes back to; empty for what is usual."),
            "action": _text("What the plan says to do."),
            "runbook": _text("Where it is written up."),
            "n": _maybe("integer", "Observations."),
            "unit": _text("Of value, low and high."),
            "method": _text("The estimator."),
            "query": _text("What was asked."),
            "window": _text("The time that it covers."),
            "source": _text("Who was asked."),
            "at": _text("When the source took the value, ISO 8601."),
            "age": _maybe("number", "Seconds before the run's instant."),
            "why": _text("Why a value or bound is missing."),
            "reason": _text("The code of the doubt."),
            "needs": _text("What would end the doubt."),
        }
    )


def _reason() -> Schema:
    meanings = "; ".join(f"{code}: {meaning}" for code, meaning in MEANING.items())
    return _object(
        {
            "code": _text(f"A stable code, or the name of a limit's level. {meanings}"),
            "sentence": _text("With its numbers."),
            "gate": _maybe("string", "The gate that says it."),
        }
    )


def _object(properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _array(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _maybe(kind: str, description: str) -> Schema:
    return {"type": [kind, "null"], "description": description}


def _decision(description: str) -> Schema:
    return {"enum": [each.value for each in Decision], "description": description}
