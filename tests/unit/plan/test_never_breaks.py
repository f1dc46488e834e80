"""Whatever stands in a plan's file, there is a plan or a `PlanError`, and never a traceback."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_rollout.errors import PlanError

PLANS = Path(__file__).parent / "plans"
SMALL = (PLANS / "small.yaml").read_text()
FULL = (PLANS / "full.yaml").read_text()

_WORDS = st.sampled_from(
    [
        *FULL.replace("{", " { ").replace("}", " } ").split(" "),
        "\n",
        "\n  ",
        ": ",
        "- ",
        "&a ",
        "*a",
        "<<: ",
        "!x ",
        "${X}",
    ]
)
_FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _refused_or_read(load, content):
    """Either a plan or a `PlanError` with places: anything else breaks the test."""
    problems = []
    try:
        load(content)
    except PlanError as error:
        problems = [*error.problems]
        str(error).encode()
    assert all(problem.line > 0 and problem.column > 0 for problem in problems)


@_FUZZ
@given(content=st.binary(max_size=200))
def test_any_bytes_are_refused_and_never_break(load, content):
    _refused_or_read(load, content)


@_FUZZ
@given(content=st.text(max_size=200))
def test_any_text_is_refused_and_never_breaks(load, content):
    _refused_or_read(load, content)


@_FUZZ
@given(words=st.lists(_WORDS, max_size=40))
def test_any_words_of_a_plan_are_refused_or_read(load, words):
    _refused_or_read(load, " ".join(words))


@_FUZZ
@given(
    value=st.text(st.characters(codec="utf-8"), max_size=30) | st.from_regex(r"[+-]?[0-9.]{1,5} ?(MB|/h|%|e9+)?"),
    key=st.sampled_from(["600 MB", "rss}", "lower", "MB,", "demo", "phase1]", '"http://prometheus"', "prometheus"]),
)
def test_any_value_at_any_place_is_refused_or_read(load, value, key):
    quoted = "'" + value.replace("'", "''") + "'"
    _refused_or_read(load, SMALL.replace(key, quoted + key[-1] if key[-1] in "},]" else quoted, 1))


@_FUZZ
@given(data=st.data())
def test_a_mutilated_plan_is_refused_or_read(load, data):
    start = data.draw(st.integers(0, len(FULL)))
    end = data.draw(st.integers(start, min(len(FULL), start + 60)))
    _refused_or_read(load, FULL[:start] + data.draw(st.text(max_size=5)) + FULL[end:])
