"""What a gate's text names is found where it stands, in files of any length."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.literals import Named, _tests_of, named_in, names_of

TEXT = """
LIMIT = metrics("outside")


def helper(metrics):
    return metrics("helped").over("24h").max


def test_one(metrics, flags):
    assert metrics("one") < helper(metrics)
    assert flags.on("blended")


def test_two(metrics):
    assert metrics("two").over("5m").max < 1
    assert metrics("t" + "hree") < 1


class TestInside:
    def test_four(self, metrics):
        assert metrics("four") == 0
"""


def written(tmp_path, text=TEXT):
    path = tmp_path / "test_gates.py"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_test_names_its_own_and_what_stands_outside_of_tests(tmp_path):
    filename = written(tmp_path)

    one = names_of(filename, 9, 11)
    two = names_of(filename, 14, 16)

    shared = {("outside", None), ("helped", None), ("helped", timedelta(hours=24))}
    assert {(each.metric, each.over) for each in one} == {("one", None), ("", None)} | shared
    assert {(each.metric, each.over) for each in two} == {("two", None), ("two", timedelta(minutes=5))} | shared


def test_each_is_named_once(tmp_path):
    """Also by a function that is no test and so stands both between its lines and outside of tests."""
    found = names_of(written(tmp_path), 5, 6)

    assert sorted(each.metric for each in found) == ["helped", "helped", "outside"]


@given(st.integers(0, 25), st.integers(0, 25))
def test_it_is_what_a_search_of_all_would_find(tmp_path_factory, first, last):
    filename = written(tmp_path_factory.mktemp("gates"))

    def wanted(each: Named) -> bool:
        inside = any(start <= each.line <= end for start, end in _tests_of(filename))
        return first <= each.line <= last or not inside

    key = lambda each: (each.line, each.metric, str(each.over))  # noqa: E731 - used twice, here
    assert sorted(names_of(filename, first, last), key=key) == sorted(filter(wanted, named_in(filename)), key=key)
