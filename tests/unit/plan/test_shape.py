"""Shapes read strictly, keep what fits in the order of the file, and describe themselves."""

from pathlib import Path

import jsonschema
import pytest

from pytest_rollout.errors import QuantityError
from pytest_rollout.plan.document import read_document
from pytest_rollout.plan.nodes import Findings, Node
from pytest_rollout.plan.shape import Choice, Name, Parsed, Shape, Text
from pytest_rollout.plan.structures import ByKind, Either, Fields, ListOf, MapOf, Others, Split, Tree

WORD = Name(about="a word", pattern="[a-z]+", letters="lower-case letters")


def even(text: str) -> int:
    if not text.isdigit() or int(text) % 2:
        raise QuantityError(f"'{text}' is odd\nwrite an even number")
    return int(text)


EVEN = Parsed(about="an even number", parse=even, pattern="[0-9]+", words=("none",))
LEVEL = Fields(about="a level", required={"limit": EVEN, "decision": WORD})
BUDGET = Fields(
    about="a budget",
    required={"name": WORD},
    optional={"mild": Either(about="short or long", short=EVEN, long=Fields(about="long", required={"limit": EVEN}))},
    refused={"later": ("not yet", "remove it")},
    others=Others(about="further levels have limit and decision", names=WORD, values=LEVEL),
)


def read(shape: Shape, text: str) -> tuple[Node | None, list[str]]:
    findings = Findings(Path("x.yaml"), "x.yaml")
    node = shape.read(read_document(text.encode(), findings), findings)
    return node, [str(problem).removeprefix("x.yaml:") for problem in sorted(findings.problems)]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        pytest.param(Text(about="t"), "off", id="text"),
        pytest.param(Text(about="t", lines=True), "|\n  a\n  b\tc\n", id="lines"),
        pytest.param(WORD, "no", id="name"),
        pytest.param(Choice(about="c", words=("on", "off")), "off", id="choice"),
        pytest.param(EVEN, "0778", id="parsed"),
        pytest.param(EVEN, "none", id="parsed-word"),
        pytest.param(ListOf(about="l", items=EVEN), "[4, 2]", id="list"),
        pytest.param(MapOf(about="m", names=WORD, values=EVEN), "{b: 2, a: 4}", id="map"),
        pytest.param(BUDGET, "{worst: {limit: 4, decision: x}, name: n, mild: 2}", id="fields-and-others"),
        pytest.param(BUDGET, "{name: n, mild: {limit: 2}}", id="long-form"),
        pytest.param(Tree(about="t"), "{a: [null, {b: off}], 'x y': }", id="tree"),
    ],
)
def test_what_fits_is_kept_whole(shape, text):
    findings = Findings(Path("x.yaml"), "x.yaml")
    node = read_document(text.encode(), findings)

    assert shape.read(node, findings) == node
    assert findings.problems == []
    jsonschema.validate(node.value, shape.schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("shape", "text", "problems"),
    [
        pytest.param(
            Text(about="a title"),
            "'a\n\n  b'",
            "1:1: a line break or a control character in the text\n  wanted: a title",
            id="lines",
        ),
        pytest.param(
            Text(about="a title", lines=True),
            '"\\0"',
            "1:1: a control character in the text\n  wanted: a title",
            id="nul",
        ),
        pytest.param(
            WORD,
            "A" * 100,
            f"1:1: '{'A' * 60}…' cannot be a name here\n  names: lower-case letters",
            id="clipped",
        ),
        pytest.param(
            WORD,
            '"a\\n"',
            "1:1: 'a�' cannot be a name here\n  names: lower-case letters",
            id="trailing-line-break",
        ),
        pytest.param(EVEN, "3", "1:1: '3' is odd\n  write an even number", id="parsed"),
        pytest.param(
            EVEN,
            "2" * 101,
            f"1:1: '{'2' * 60}…' is too long, or has several lines\n  wanted: an even number",
            id="long",
        ),
        pytest.param(
            BUDGET,
            "{name: [x]}",
            "1:8: name: a text is wanted here, not a list\n  wanted: a word",
            id="kind",
        ),
        pytest.param(BUDGET, "{name: ~}", "1:8: name: nothing stands here\n  wanted: a word", id="nothing"),
        pytest.param(
            BUDGET,
            "{name: x, mild: []}",
            "1:17: mild: a text or a mapping is wanted here, not a list\n  wanted: short or long",
            id="either",
        ),
        pytest.param(BUDGET, "{name: x, later: 2}", "1:11: later: not yet\n  remove it", id="refused"),
        pytest.param(
            BUDGET,
            "{name: x, later: {limit: 2, decision: x}}",
            "1:11: later: not yet\n  remove it",
            id="refused-although-others",
        ),
        pytest.param(
            BUDGET,
            "{nane: x}",
            "1:1: 'name' is missing\n  name: a word\n"
            "1:2: nane: unknown key 'nane'\n  keys: mild, name\n"
            "  further levels have limit and decision\n  did you mean 'name'?",
            id="unknown",
        ),
        pytest.param(
            BUDGET,
            "{name: x, Up: {limit: 2, decision: x}}",
            "1:11: Up: unknown key 'Up'\n  keys: mild, name\n  further levels have limit and decision",
            id="others-name",
        ),
        pytest.param(
            BUDGET,
            "{name: x, worst: {limit: 3, decision: x, more: 1}}",
            "1:26: worst.limit: '3' is odd\n  write an even number\n"
            "1:42: worst.more: unknown key 'more'\n  keys: decision, limit",
            id="inside-others",
        ),
    ],
)
def test_what_does_not_fit_is_told(shape, text, problems):
    assert "\n".join(read(shape, text)[1]) == problems


def test_what_does_not_fit_is_left_out():
    node, _ = read(MapOf(about="m", names=WORD, values=EVEN), "{b: 2, A: 4, c: 3, d: 6}")

    assert node is not None
    assert {name: below.text for name, below in node.fields.items()} == {"b": "2", "d": "6"}


def test_a_split_asks_for_one_key_only():
    split = Split(
        about="s",
        key="world",
        having=Fields(about="h", required={"world": WORD}, refused={"url": ("not both",)}),
        lacking=Fields(about="l", optional={"url": WORD}),
    )

    assert read(split, "{world: x}")[1] == read(split, "{url: x}")[1] == []
    assert read(split, "{world: x, url: x}")[1] == ["1:12: url: not both"]
    valid = jsonschema.Draft202012Validator(split.schema()).is_valid
    assert [valid(each) for each in ({"world": "x"}, {"url": "x"}, {"world": "x", "url": "x"})] == [True, True, False]


def test_a_kind_decides_which_keys_there_are():
    forms = {
        "a": Fields(about="an a", required={"kind": WORD, "x": WORD}),
        "b": Fields(about="a b", required={"kind": WORD}),
    }
    shape = ByKind(about="k", forms=forms)

    assert read(shape, "{kind: a, x: y}")[1] == read(shape, "{kind: b}")[1] == []
    assert read(shape, "{kind: b, x: y}")[1] == ["1:11: x: unknown key 'x'\n  keys: kind"]
    assert read(shape, "{kind: c, x: y}")[1] == ["1:8: kind: unknown word 'c'\n  words: a, b"]
    assert read(shape, "{x: y}")[1] == ["1:1: 'kind' is missing\n  kind: what it is: a, b"]
    valid = jsonschema.Draft202012Validator(shape.schema()).is_valid
    assert [valid(each) for each in ({"kind": "a", "x": "y"}, {"kind": "b", "x": "y"}, {"kind": "c"})] == [
        True,
        False,
        False,
    ]


def test_where_there_are_no_kinds_none_can_be_named():
    shape = ByKind(about="k", forms={})

    assert read(shape, "{kind: a}")[1] == ["1:8: kind: unknown word 'a'\n  words: none"]
    jsonschema.Draft202012Validator.check_schema(shape.schema())


@pytest.mark.parametrize("name", ["plan.model", "plan.grammar", "plan.schema", "plan.expand", "plan.metrics"])
def test_only_reading_a_file_needs_yaml(name):
    import subprocess
    import sys

    code = f"import sys, pytest_rollout.{name}; assert not {{'yaml', 'pytest', 'httpx'}} & set(sys.modules)"

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
