"""Variables are replaced on their own lines, and every other line stays what it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.actions.env_file import edited
from pytest_rollout.errors import SourceError
from pytest_rollout.sources.env_file import variables_of

VALUES = st.booleans() | st.integers(-(10**6), 10**6) | st.text("abc 0.#$\\", max_size=8)


@given(st.dictionaries(st.sampled_from(["A", "B", "C_D"]), st.integers(0, 99), min_size=1), st.data())
def test_what_is_named_changes_and_nothing_else(known, data):
    content = "# first\n\n" + "".join(f"export {name} = {value}\n" for name, value in known.items()) + "# last"
    wanted = data.draw(st.dictionaries(st.sampled_from(sorted(known)), VALUES, max_size=2))

    after, changed = edited(content.encode(), wanted, "x")

    assert set(changed) <= wanted.keys()
    read = variables_of(after.decode(), "x")
    assert {name: read[name] for name in known if name not in wanted} == {
        name: value for name, value in known.items() if name not in wanted
    }
    assert edited(after, wanted, "x") == (after, [])
    assert [line for line in after.decode().split("\n") if "=" not in line] == ["# first", "", "# last"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("A=10\nB=10\n", "A=5\nB=10\n"),
        ("# A=1\nexport A = '10'  \r\nB=x", "# A=1\nexport A = 5  \r\nB=x"),
        ("A=", "A=5"),
        ("A=5.0\n", "A=5.0\n"),
    ],
)
def test_line_for_line(before, after):
    assert edited(before.encode(), {"A": 5}, "x")[0] == after.encode()


@pytest.mark.parametrize(
    ("content", "settings", "said"),
    [
        ("B=1\n", {"A": 5}, "there is no variable 'A', and none is added"),
        ("A=1\nA=2\n", {"A": 5}, "the key 'A' is there twice"),
        ("A=$(x)\n", {"A": 5}, "readers of env files differ"),
        ("A=1\n", {"A": "it's"}, "cannot be written so that all readers read the same"),
        ("A=1\n", {"A": "a\nB=2"}, "cannot be written so that all readers read the same"),
    ],
)
def test_what_could_be_read_differently_is_not_touched(content, settings, said):
    with pytest.raises(SourceError) as refused:
        edited(content.encode(), settings, "x.env")
    assert said in str(refused.value)
