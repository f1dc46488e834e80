"""The published schema: it takes what the reader takes, and refuses what a schema can."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import PlanError
from pytest_rollout.plan.schema import SCHEMA_ID, plan_schema

PLANS = Path(__file__).parent / "plans"
SMALL = (PLANS / "small.yaml").read_text()
FULL = (PLANS / "full.yaml").read_text()


@pytest.fixture(scope="module")
def schema(kinds, flag_kinds) -> dict[str, object]:
    return plan_schema(kinds=kinds, flag_kinds=flag_kinds)


@pytest.fixture(scope="module")
def validator(schema):
    """Understands the schema, once: its own soundness is the first test here."""
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def takes(validator):
    """Whether the schema takes a YAML text, as two kinds of YAML readers see it."""

    def takes(text: str) -> bool:
        with_types, as_texts = yaml.safe_load(text), yaml.load(text, yaml.BaseLoader)
        answers = {validator.is_valid(with_types), validator.is_valid(as_texts)}
        assert len(answers) == 1
        return answers.pop()

    return takes


def test_it_is_a_schema_and_plain_json(schema):
    jsonschema.Draft202012Validator.check_schema(schema)

    assert json.loads(json.dumps(schema)) == schema
    assert schema["$id"] == SCHEMA_ID == "urn:pytest-rollout:schema:plan:1"
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_says_what_it_is_for(schema):
    def silent(part: object, path: str) -> list[str]:
        if isinstance(part, list):
            return [each for index, item in enumerate(part) for each in silent(item, f"{path}[{index}]")]
        if not isinstance(part, dict):
            return []
        properties = part.get("properties", {}) if "description" in part else {}
        dumb = [f"{path}.{key}" for key, below in properties.items() if below and "description" not in below]
        return dumb + [each for key, below in part.items() for each in silent(below, f"{path}.{key}")]

    assert silent(schema, "") == []


@pytest.mark.parametrize("text", [SMALL, FULL], ids=["small", "full"])
def test_what_the_reader_takes_the_schema_takes(load, takes, text):
    load(text)

    assert takes(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("rollout: demo\n", "", id="no-name"),
        pytest.param("rollout: demo", "rollout: De_mo", id="name"),
        pytest.param("rollout: demo", "rollout: demo\ntitel: x", id="unknown-key"),
        pytest.param("rollout: demo", "rollout: demo\non_hold: {}", id="not-yet"),
        pytest.param("rollout: demo", "rollout: demo\ntitle: [a]", id="kind"),
        pytest.param("  rss: {unit", "  RSS: {unit", id="metric-name"),
        pytest.param(", query: rss", "", id="no-query"),
        pytest.param("better: lower", "better: down", id="better"),
        pytest.param("query: rss", "query: rss, max_age: soon", id="max-age"),
        pytest.param("query: rss}", "query: rss, pairs: [x]}", id="metric-pairs"),
        pytest.param("query: rss", "query: rss, no_data: {as: 0, alive: rate}", id="no-because"),
        pytest.param("query: rss", "query: rss, no_data: {as: no, alive: rate, because: x}", id="no-data-as"),
        pytest.param("phases: [phase1], ", "", id="no-phases"),
        pytest.param("phases: [phase1]", "phases: []", id="empty-phases"),
        pytest.param("phases: [phase1]", "phases: [phase1, phase1]", id="phase-twice"),
        pytest.param("600 MB", "much", id="no-level"),
        pytest.param("600 MB", "{limit: 600 MB, to: sideways}", id="level-to"),
        pytest.param("600 MB", "{decision: hold}", id="no-limit"),
        pytest.param("600 MB}", "600 MB, against: yesterday}", id="budget-against"),
        pytest.param("600 MB}", "600 MB, emergency: 900 MB}", id="further-level"),
        pytest.param("600 MB}", "600 MB, Emergency: {limit: 900 MB, decision: hold}}", id="level-name"),
        pytest.param("phase1: {}", "Phase-1: {}", id="phase-name"),
        pytest.param("phase1: {}", "phase1: {minimum: long}", id="phase-minimum"),
        pytest.param("phase1: {}", "phase1: {stages: []}", id="phase-stages"),
        pytest.param("phase1: {}", "phase1: {exit: {incidents: sev9}}", id="phase-incidents"),
        pytest.param("phase1: {}", "phase1: {on_proceed: x}", id="phase-not-yet"),
        pytest.param("phases:\n  phase1: {}", "phases: {}", id="no-phase"),
        pytest.param("    sources:", "    world: world.py\n    sources:", id="world-and-sources"),
        pytest.param("kind: prometheus", "kind: graphite", id="unknown-kind"),
        pytest.param("kind: prometheus, ", "", id="no-kind"),
        pytest.param(', url: "http://prometheus"', "", id="no-url"),
        pytest.param("url:", "uri: x, url:", id="unknown-option"),
        pytest.param("production:", "Production:", id="environment-name"),
    ],
)
def test_what_a_schema_can_refuse_both_refuse(refusal, takes, old, new):
    assert SMALL.count(old) == 1
    text = SMALL.replace(old, new)

    assert refusal(text)
    assert not takes(text)


_VALUES = st.sampled_from(
    [
        "5",
        "0.5",
        "1e3",
        "true",
        "off",
        "5 ms",
        "10..20 /h",
        "' 5 '",
        "'5 '",
        "any",
        "1:30",
        "0777",
        "{}",
        "[a]",
        "{limit: 5 MB}",
        "a b",
        "x1",
        "1/h",
        "5m",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=_VALUES,
    place=st.sampled_from(
        ["600 MB", "MB,", "phase1: {}", "demo", "lower", "query: rss}", "{phases: [phase1], warning: 600 MB}"]
    ),
)
def test_the_schema_refuses_nothing_that_the_reader_takes(load, validator, value, place):
    start = place[: place.index(": ") + 2] if place[:5] in {"query", "phase"} else ""
    end = place[-1] if place[-1] in ",}" and not start.startswith("phase1") and place[0] != "{" else ""
    text = SMALL.replace(place, f"{start}{value}{end}", 1)
    try:
        load(text)
    except PlanError:
        return
    validator.validate(yaml.load(text, yaml.BaseLoader))
    validator.validate(yaml.safe_load(text))
