"""flagd's definitions as percentages: what is served to whom, as far as the file can tell."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import flagd
from pytest_rollout.sources.flagd import FlagdFlags

SWITCH = {"on": True, "off": False}


def flag(default="off", state="ENABLED", variants=None, **more):
    return {"state": state, "variants": variants or SWITCH, "defaultVariant": default, **more}


@pytest.fixture
def definitions(tmp_path, at):
    """Flags by name, read at the run's instant."""

    def definitions(document):
        content = document if isinstance(document, str) else json.dumps(document)
        (tmp_path / "flags.json").write_text(content)
        return FlagdFlags(tmp_path / "flags.json", now=lambda: at).read(at, 5)

    return definitions


def fractional(*rows):
    return {"targeting": {"fractional": list(rows)}}


BUCKET = {"cat": [{"var": "$flagd.flagKey"}, {"var": "space_id"}]}


@pytest.mark.parametrize(
    ("definition", "found"),
    [
        (flag("on"), {"": True, "percentage": 100, "on": 100, "off": 0}),
        (flag("off", targeting={}), {"": False, "percentage": 0, "on": 0, "off": 100}),
        (flag(**fractional(["on", 1], ["off", 99])), {"percentage": 1, "on": 1, "off": 99}),
        (flag(**fractional(BUCKET, ["on", 25], ["off", 75])), {"percentage": 25, "on": 25, "off": 75}),
        (flag(**fractional(["on", 1], ["off", 3])), {"percentage": 25, "on": 25, "off": 75}),
        (flag(**fractional(["on"], ["off"])), {"percentage": 50, "on": 50, "off": 50}),
        (flag(**fractional(["on", 10], ["off", 80], ["on", 10])), {"percentage": 20, "on": 20, "off": 80}),
        (flag(**fractional(["on", 100], ["off", 0])), {"": True, "percentage": 100, "on": 100, "off": 0}),
        (flag("a", variants={"a": 0.15, "b": 0.2}), {"": 0.15, "a": 100, "b": 0}),
        (flag("a", variants={"a": {"x": 1}, "b": {}}), {"a": 100, "b": 0}),
        (flag(None), {}),
        (flag("on", targeting={"if": [{"==": [{"var": "team"}, "qa"]}, "on", "off"]}), {}),
        (flag("on", "DISABLED"), {}),
    ],
    ids=[
        *("on", "off", "one-per-cent", "bucketed", "relative", "no-weights", "twice", "all", "numbers", "objects"),
        *("code-default", "rules", "disabled"),
    ],
)
def test_what_is_served(definitions, definition, found):
    """Percentages where the file knows them, a value where everybody gets it, and nothing where it depends."""
    expected = {f"recall.{key}" if key else "recall": value for key, value in found.items()}

    assert definitions({"flags": {"recall": definition}}) == {**expected, "recall.state": definition["state"]}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"recall": flag()}, "has no 'flags'"),
        ([], "has no 'flags'"),
        ({"flags": {"recall": True}}, "flag 'recall': is no definition"),
        ({"flags": {"recall": flag(state="enabled")}}, "state ENABLED or DISABLED"),
        ({"flags": {"recall": flag("blended")}}, "defaultVariant 'blended' is none of its variants"),
        ({"flags": {"recall": {"state": "ENABLED", "variants": {}}}}, "has no variants"),
        ({"flags": {"recall": flag(schedule="soon")}}, "'schedule' is not known here"),
        ({"flags": {"recall": flag("state", variants={"state": True})}}, "cannot be told from the flag's state"),
        ({"flags": {"recall": flag(**fractional(["up", 5]))}}, "no variant with its weight"),
        ({"flags": {"recall": flag(**fractional(["on", 5, 5]))}}, "no variant with its weight"),
        ({"flags": {"recall": flag(**fractional(["on", -5], ["off", 105]))}}, "the weight of 'on' is -5"),
        ({"flags": {"recall": flag(**fractional(["on", True]))}}, "the weight of 'on' is True"),
        ({"flags": {"recall": flag(**fractional(["on", "25"]))}}, "the weight of 'on' is '25'"),
        ({"flags": {"recall": flag(**fractional(["on", 0]))}}, "add up to nothing"),
        ({"flags": {"recall": flag(**fractional())}}, "add up to nothing"),
        ({"flags": {"recall": flag(targeting={"fractional": {}})}}, "not a list of variants"),
        ({"flags": {"recall": flag(), "recall.on": flag()}}, "'recall.on' is a flag and a figure of another one"),
        ('{"flags": {"a": {}, "a": {}}}', "the key 'a' is there twice"),
        ('{"flags": ' * 50_000, "nested too deeply"),
    ],
)
def test_what_is_no_definition(definitions, document, says):
    """It is refused with the flag's name."""
    with pytest.raises(SourceError) as caught:
        definitions(document)

    assert says in str(caught.value)


def test_a_file(tmp_path, at):
    """From the plan's folder, as it is now."""
    (tmp_path / "flags.json").write_text('{"flags": {}}')

    assert flagd.KIND.open({"path": "flags.json"}, tmp_path) == FlagdFlags(tmp_path / "flags.json")
    with pytest.raises(SourceError, match="answers for now only"):
        FlagdFlags(tmp_path / "flags.json", now=lambda: at).read(at - timedelta(hours=1), 5)
    with pytest.raises(SourceError, match="there is no such file"):
        FlagdFlags(tmp_path / "none.json", now=lambda: at).read(at, 5)
    with pytest.raises(SourceError, match="option 'path'"):
        flagd.KIND.open({}, Path())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1000)), min_size=1, max_size=6))
def test_percentages_add_up(tmp_path_factory, rows):
    """All variants together are everybody, however the weights are written."""
    variants = {"a": True, "b": False, "c": True}
    total = sum(weight for _, weight in rows)
    definition = flag("a", variants=variants, **fractional(*map(list, rows)))
    path = tmp_path_factory.mktemp("flagd") / "flags.json"
    path.write_text(json.dumps({"flags": {"f": definition}}))
    if total == 0:
        with pytest.raises(SourceError, match="add up to nothing"):
            FlagdFlags(path).read(flagd.utc_now(), 5)
        return

    found = FlagdFlags(path).read(flagd.utc_now(), 5)

    assert sum(found[f"f.{variant}"] for variant in variants) == pytest.approx(100)
    assert found["f.percentage"] == pytest.approx(100 - found["f.b"])
