"""Values are replaced where they stand, and every other byte stays what it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.actions.flag_file import edited
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.flags import flags_of

NAMES = st.text(min_size=1, max_size=6).filter(lambda name: "." not in name)
VALUES = st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.text(max_size=8)
TREES = st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES, max_size=3), min_size=1, max_size=5)


@given(TREES, st.data(), st.sampled_from([None, 0, 3]), st.booleans())
def test_what_is_named_changes_and_nothing_else(tree, data, indent, ascii_only):
    """Read again, the flags are the old ones but for those; and doing it twice is doing it once."""
    content = (json.dumps(tree, indent=indent, ensure_ascii=ascii_only) + "\n").encode("utf-8", "surrogatepass")
    flags = flags_of(tree, "x")
    wanted = data.draw(st.dictionaries(st.sampled_from(sorted(flags)), VALUES, max_size=3)) if flags else {}

    after, changes = edited(content, wanted, "x")

    assert flags_of(json.loads(after), "x") == {**flags, **wanted}
    assert len(changes) <= len(wanted)
    assert (after == content) == (not changes)
    assert edited(after, wanted, "x") == (after, [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": {"b" :10 , "c":1.50}}', '{"a": {"b" :5 , "c":1.50}}'),
        ('{"a.b":10,"c":"\\u00e9 10"}', '{"a.b":5,"c":"\\u00e9 10"}'),
        (
            '\n{ "x" : "{\\"b\\": 10}",\r\n "a" : {"b":  10} }\n\n',
            '\n{ "x" : "{\\"b\\": 10}",\r\n "a" : {"b":  5} }\n\n',
        ),
        ('{"a": {"b": true}}', '{"a": {"b": 5}}'),
        ('{"a": {"b": 5.0}}', '{"a": {"b": 5.0}}'),
        ('{"l": [1, {"a": {"b": 1}}, null], "a": {"b": 1}}', '{"l": [1, {"a": {"b": 1}}, null], "a": {"b": 5}}'),
    ],
)
def test_byte_for_byte(before, after):
    assert edited(before.encode(), {"a.b": 5}, "x")[0] == after.encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": {"c": 1}}', "there is no flag 'a.b', and none is added"),
        ('{"a": {"b": {"c": 1}}}', "there is no flag 'a.b'"),
        ('{"a": {"b": 1}, "a.b": 1}', "the flag 'a.b' is there twice, nested and with dots"),
        ('{"a": {"b": 1}, "a": {"b": 2}}', "the key 'a' is there twice"),
        ('{"a": {"b": 1}', "is not sound JSON"),
        ('[{"a": 1}]', "is no set of flags"),
        ("", "is empty"),
        ("\ufeff{}", "is not sound JSON"),
    ],
)
def test_what_is_no_sound_set_of_flags_is_not_touched(content, said):
    with pytest.raises(SourceError) as refused:
        edited(content.encode(), {"a.b": 5}, "flags.json")
    assert said in str(refused.value)
