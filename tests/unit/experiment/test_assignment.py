"""Assignment: the same on every machine, finer than 0.01 %, and an arm that grows keeps what it had."""

from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_rollout.errors import UsageError
from pytest_rollout.experiment.assignment import Assignment, Listed
from pytest_rollout.experiment.murmur3 import murmur3_32

SALT = "dual_memory_canary"
units = st.text(max_size=20)
shares = st.decimals(0, 100, places=4)


def canary(share, **more):
    return Assignment(salt=SALT, shares={"treatment": share}, **more)


def counted(assignment, many):
    found = {}
    for number in range(many):
        arm = assignment.arm(f"space-{number:05}")
        found[arm] = found.get(arm, 0) + 1
    return found


@pytest.mark.parametrize(
    ("unit", "place"),
    [
        ("space-00001", 0xD586CF76A2BD9EF1),
        ("space-00002", 0x60985FA962A91180),
        ("", 0x99BE2B60DEF95116),
        ("räume/7 🙂", 0xDABDDD6E64FB8A91),
    ],
)
def test_golden_places(unit, place):
    """Written down once: a library, a version or a machine that finds others would reassign everybody."""
    assert canary(1).place(unit) == place


def test_the_hash_is_what_its_page_says():
    digest = blake2b(b"dual_memory_canary:space-00001").digest()

    assert canary(1).place("space-00001") == int.from_bytes(digest[:8], "big")


def test_another_process_agrees_whatever_its_hash_seed():
    code = (
        "from pytest_rollout.experiment.assignment import Assignment\n"
        "a = Assignment(salt='s', shares={'treatment': 50})\n"
        "print(''.join('t' if a.arm(str(n)) == 'treatment' else 'c' for n in range(200)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    ours = Assignment(salt="s", shares={"treatment": 50})

    assert said == {"".join("t" if ours.arm(str(n)) == "treatment" else "c" for n in range(200)) + "\n"}


@given(units, shares, shares)
def test_growing_never_moves_a_unit_out_of_treatment(unit, one, other):
    low, high = sorted((one, other))

    assert not (canary(str(low)).arm(unit) == "treatment" and canary(str(high)).arm(unit) == "control")


@given(units)
def test_nobody_at_0_and_everybody_at_100(unit):
    assert canary(0).arm(unit) == "control"
    assert canary(100).arm(unit) == "treatment"


@pytest.mark.parametrize("method", ["blake2b", "flagd", "flagd-percent"])
@pytest.mark.parametrize("share", [1, 5, 25, 50, 99])
def test_shares_are_what_they_say(method, share):
    """Within five standard deviations of a fair draw; the names are fixed, so the answer is, too."""
    many = 20_000
    found = counted(canary(share, method=method), many).get("treatment", 0)

    assert abs(found - many * share / 100) < 5 * math.sqrt(many * share / 100 * (1 - share / 100))


def test_shares_finer_than_a_hundredth_of_a_per_cent():
    """Two shares 0.0001 % apart differ in the places between them and in no others."""
    places = 1 << 64
    edge = math.ceil(Fraction("0.0101") * places / 100)
    low, high = canary("0.0100"), canary("0.0101")

    assert low.arm_at(edge - 1) == "control"
    assert high.arm_at(edge - 1) == "treatment"
    assert high.arm_at(edge) == "control"


@given(units, st.sampled_from(["w015", "w020", "w025", "w030"]), st.decimals(5, 25, places=2))
def test_growing_one_arm_of_several_keeps_the_others(unit, arm, share):
    before = Assignment(salt="weights", shares=dict.fromkeys(["w015", "w020", "w025", "w030"], 5), rest=None)
    after = before.having({arm: str(share)})
    had, has = before.arm(unit), after.arm(unit)

    assert has == had or (had is None and has == arm)


def test_several_arms_have_their_shares_and_share_no_unit():
    arms = Assignment(salt="weights", shares=dict.fromkeys(["w015", "w020", "w025", "w030"], 5), rest=None)
    found = counted(arms, 20_000)

    assert found.pop(None) == 20_000 - sum(found.values())
    assert all(abs(count - 1000) < 5 * math.sqrt(950) for count in found.values())


def test_an_arm_can_be_given_more_room():
    grown = Assignment(salt="s", shares={"a": 60, "b": 10}, rooms={"a": 80, "b": 20})

    assert counted(grown, 5000)["a"] > 2800


def test_a_salt_is_an_experiment_of_its_own():
    """Half of one experiment's treatment is treated in another."""
    one, other = (Assignment(salt=salt, shares={"treatment": 50}) for salt in ("one", "two"))
    both = sum(one.arm(str(n)) == other.arm(str(n)) for n in range(10_000))

    assert abs(both - 5000) < 250


@pytest.mark.parametrize(
    ("data", "seed", "hashed"),
    [
        # SMHasher's values, as published with its description.
        (b"", 0, 0),
        (b"", 1, 0x514E28B7),
        (b"", 0xFFFFFFFF, 0x81F16F39),
        (b"test", 0, 0xBA6BD213),
        (b"test", 0x9747B28C, 0x704B81DC),
        (b"Hello, world!", 0, 0xC0363E43),
        (b"Hello, world!", 0x9747B28C, 0x24884CBA),
        (b"The quick brown fox jumps over the lazy dog", 0, 0x2E4FF723),
        (b"The quick brown fox jumps over the lazy dog", 0x9747B28C, 0x2FA826CD),
    ],
)
def test_murmur3_has_its_published_values(data, seed, hashed):
    assert murmur3_32(data, seed) == hashed


@pytest.mark.parametrize(
    ("salt", "email", "color"),
    [
        ("headerColor", "rachel", "yellow"),
        ("headerColor", "monica", "blue"),
        ("headerColor", "joey", "red"),
        ("headerColor", "ross", "green"),
        ("my-seed", "rachel", "green"),
        ("my-seed", "monica", "red"),
        ("my-seed", "joey", "green"),
        ("my-seed", "ross", "green"),
    ],
)
def test_flagd_as_it_was_by_its_own_tests(salt, email, color):
    """The cases of flagd's `fractional_test.go` while it counted in per cent."""
    colors = {"red": 25, "blue": 25, "green": 25, "yellow": 25}
    flagd = Assignment(salt=salt, shares=colors, rest=None, method="flagd-percent")

    assert flagd.arm(f"{email}@faas.com") == color


@given(units, st.lists(st.integers(1, 1000), min_size=1, max_size=5))
def test_flagd_as_it_is(unit, weights):
    """Its whole numbers, `hash * total >> 32` against the weights added up, say the same as our shares."""
    total, end = sum(weights), 0
    bucket = murmur3_32(f"flag{unit}".encode()) * total >> 32
    ends = [end := end + weight for weight in weights]
    expected = str(next(number for number, end in enumerate(ends) if bucket < end))
    ours = {str(number): Fraction(weight * 100, total) for number, weight in enumerate(weights)}

    assert Assignment(salt="flag", shares=ours, rest=None, method="flagd").arm(unit) == expected


def test_rows_are_randomised_inside_listed_units():
    listed = Listed(
        units={"internal-qa-01", "dogfood-team"},
        inside=Assignment(salt=SALT, shares={"treatment": 50}),
    )
    inside = [listed.arm("dogfood-team", str(n)) for n in range(10_000)]
    other = [listed.arm("internal-qa-01", str(n)) for n in range(10_000)]

    assert abs(inside.count("treatment") - 5000) < 250
    assert set(inside) == {"control", "treatment"}
    assert abs(sum(map(str.__eq__, inside, other)) - 5000) < 250
    assert {listed.arm("customer-7", str(n)) for n in range(100)} == {None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "blake"}, "unknown method of assignment 'blake'*did you mean 'blake2b'?"),
        ({"salt": ""}, "salt ''"),
        ({"salt": "a:b"}, "no colon in it"),
        ({"shares": {}}, "an assignment has shares"),
        ({"shares": {"control": 1}}, "other arms than 'control'"),
        ({"shares": {"a": "much"}}, "arm 'a' has 'much', which is no share"),
        ({"shares": {"a": float("nan")}}, "arm 'a' has nan, which is no share"),
        ({"shares": {"a": 101}}, "arm 'a' has 101 %: a share lies between 0 and 100 %"),
        ({"shares": {"a": -1}}, "between 0 and 100 %"),
        ({"shares": {"a": 51, "b": 5}}, "arm 'a' has 51 % of the units and room for 50 %*more would take units"),
        ({"shares": {"a": 5}, "rooms": {"b": 5}}, "rooms of b, and shares of a"),
        ({"shares": {"a": 5, "b": 5}, "rooms": {"a": 90, "b": 20}}, "the rooms of a, b are 110 % together"),
        ({"shares": {"a": 60, "b": 50}, "method": "flagd"}, "the shares of a, b are 110 % together"),
        ({"shares": {"a": 5}, "rooms": {"a": 9}, "method": "flagd"}, "method 'flagd' has no rooms"),
    ],
)
def test_what_cannot_be_meant_is_refused(options, message):
    first, _, second = message.partition("*")
    with pytest.raises(UsageError) as raised:
        Assignment(**{"salt": SALT, "shares": {"treatment": 1}, **options})

    assert first in str(raised.value)
    assert second in str(raised.value)


def test_an_unknown_arm_has_no_share():
    with pytest.raises(UsageError, match="there is no arm 'treatmet'"):
        canary(1).having({"treatmet": 5})
