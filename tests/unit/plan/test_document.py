"""What YAML can do that a plan may not, and where it is told so."""

import pytest

from pytest_rollout.plan.document import MAX_BYTES

BOMB = "a: &a [x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "1:1: the file is empty\n  a plan starts with 'rollout: <name>'", id="empty"),
        pytest.param(
            "# nothing\n---\n", "1:1: the file is empty\n  a plan starts with 'rollout: <name>'", id="only-a-comment"
        ),
        pytest.param(
            "- rollout\n",
            "1:1: a mapping is wanted here, not a list\n"
            "  wanted: a plan: which numbers a rollout is judged by, in which phases, and where they come from",
            id="root-list",
        ),
        pytest.param(
            "rollout\n",
            "1:1: a mapping is wanted here, not a text\n"
            "  wanted: a plan: which numbers a rollout is judged by, in which phases, and where they come from",
            id="root-text",
        ),
        pytest.param(
            "a: 1\n---\nb: 2\n---\nc: 3\n", "2:1: a second document\n  a plan is one document", id="two-documents"
        ),
        pytest.param(
            "phases:\n\tphase1: {}\n", "2:1: a tab stands where only spaces may\n  indent with spaces", id="tab"
        ),
        pytest.param(
            "a: 1\nb: {c: 1, d\n",
            "3:1: not YAML: expected ',' or '}', but got '<stream end>'\n"
            "  while parsing a flow mapping that starts at line 2",
            id="unclosed",
        ),
        pytest.param(
            "a: b: c\n",
            "1:5: not YAML: a second ': ' in one value, or a line that is indented too far\n"
            "  quote a text that holds ': '; indent the keys of one block alike",
            id="two-colons",
        ),
        pytest.param(
            "metrics:\n  a:\n    unit: ms\n   better: lower\n",
            "4:4: not YAML: the indentation of this line is that of no line to which it could belong\n"
            "  the block around it starts at line 2, column 3",
            id="indented",
        ),
        pytest.param(
            "metrics:\n  - a:\n      unit: ms\n  b:\n    unit: ms\n",
            "4:3: not YAML: a key stands among the items of a list\n"
            "  the list starts at line 2: a mapping has no '- ' before its keys",
            id="key-in-a-list",
        ),
        pytest.param(
            "phases:\n  a: {}\n  - b\n",
            "3:3: not YAML: a '- ' stands among the keys of a mapping\n"
            "  the mapping starts at line 2: indent the list below its key",
            id="item-in-a-mapping",
        ),
        pytest.param(
            "a: 1\nowner:team\nb: 2\n",
            "3:1: not YAML: no 'key: value' before this place, at line 2\n  a blank stands behind the colon",
            id="no-blank",
        ),
        pytest.param(
            "owner: @team\n",
            "1:8: not YAML: a text cannot start with this character\n  quote the text",
            id="at",
        ),
        pytest.param(
            'a: 1\ntitle: "A page\nb: 2\n',
            "4:1: not YAML: the quote that opens at line 2 is not closed\n  end the text with the same quote",
            id="open-quote",
        ),
        pytest.param(
            "a: {url: ${URL}}\n",
            "1:11: not YAML: expected ',' or '}', but got '{'\n"
            "  while parsing a flow mapping that starts at line 1\n"
            '  inside { } and [ ], quote variables: "${NAME}"',
            id="unquoted-variable",
        ),
        pytest.param(
            'a: "\\U99999999"\n',
            "1:1: not YAML: an escape or a directive after this place is out of range",
            id="escape",
        ),
        pytest.param(
            f"%YAML 1.{'9' * 5000}\n---\na: 1\n",
            "1:1: not YAML: an escape or a directive after this place is out of range",
            id="directive",
        ),
        pytest.param("a: x\nb: a\x07b\n", "2:5: the character U+0007 cannot stand in YAML", id="bell"),
        pytest.param(b"a: x\r\nb: \xc3\xa4\xff\n", "2:5: not UTF-8\n  save the file as UTF-8", id="not-utf-8"),
        pytest.param("a: 1\n".encode("utf-16"), "1:1: not UTF-8\n  save the file as UTF-8", id="utf-16"),
        pytest.param(b"#" * (MAX_BYTES + 1), "1:1: larger than 1 MiB: this is no plan", id="large"),
        pytest.param(
            "x: " + "[" * 3000,
            "1:36: x" + "[0]" * 32 + ": nested deeper than 32 levels",
            id="deep",
        ),
        pytest.param("- " * 3000, "1:67: " + "[0]" * 33 + ": nested deeper than 32 levels", id="deep-in-blocks"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(refusal, content, message):
    assert refusal(content) == f"rollout.yaml:{message}"


ALIAS = "anchors and aliases ('&', '*') are not read\n  write the value out"
TAG = "tags ('!') are not read\n  write the plain value; quote a text that starts with '!'"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("title: &t x\nowner: *t\n", f"1:8: title: {ALIAS}", id="anchor"),
        pytest.param("title: x\nowner: *t\n", f"2:8: owner: {ALIAS}", id="alias"),
        pytest.param("metrics: &m {a: *m}\n", f"1:10: metrics: {ALIAS}", id="recursive"),
        pytest.param("rollout: !!python/object/apply:os.system [ls]\n", f"1:10: rollout: {TAG}", id="python"),
        pytest.param("title: !!str 5\n", f"1:8: title: {TAG}", id="str"),
        pytest.param("title: !x\n", f"1:8: title: {TAG}", id="own-tag"),
        pytest.param(
            "phases:\n  <<: {a: {}}\n", "2:3: phases: merge keys ('<<') are not read\n  write the keys out", id="merge"
        ),
        pytest.param(
            "title: a\nowner: b\ntitle: c\n",
            "3:1: title: the same key for the second time\n  first at line 1",
            id="twice",
        ),
        pytest.param(
            "metrics:\n  a: {source: s, source: t}\n",
            "2:18: metrics.a.source: the same key for the second time\n  first at line 2",
            id="twice-inside",
        ),
        pytest.param("phases: {[a]: {}}\n", "1:10: phases: a key is a text, not a list", id="key-list"),
        pytest.param("phases:\n  ?\n  : {}\n", "2:4: phases: a value without a key", id="no-key"),
    ],
)
def test_what_a_plan_has_no_use_for_is_refused(refusal, content, message):
    """Refused where it stands, beside whatever else is wrong in the file."""
    lines = refusal(content)

    assert f"rollout.yaml:{message}" in lines
    assert "'rollout' is missing" in lines or content.startswith("rollout")


def test_an_alias_bomb_does_not_go_off(refusal):
    message = refusal(BOMB)

    assert message.count("anchors and aliases") == 9 * 9 + 10
    assert len(message) < 100_000


def test_merge_and_tag_like_texts_in_quotes_are_texts(load):
    plan = load(
        "rollout: demo\n"
        "title: '!x'\n"
        "owner: '*x'\n"
        "phases: {phase1: {}}\n"
        "environments: {demo: {sources: {s: {kind: memory, answers: {'<<': 1, '': 2}}}}}\n"
    )

    assert (plan.title, plan.owner) == ("!x", "*x")
    assert plan.environments["demo"].sources["s"].options["answers"] == {"<<": 1, "": 2}


def test_a_byte_order_mark_and_windows_line_ends_are_fine(load):
    content = "rollout: demo\r\nphases: {phase1: {}}\r\nenvironments: {demo: {world: w.py}}\r\n"

    plan = load(b"\xef\xbb\xbf" + content.encode())

    assert plan.rollout == "demo"
    assert (plan.phases["phase1"].place.line, plan.phases["phase1"].place.column) == (2, 10)
