"""Numbers of any length and size: what a float cannot hold is refused, by whichever way JSON is read."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_rollout.errors import SourceError
from pytest_rollout.sources.document import parse_json

SIGN = st.sampled_from(["", "-"])
WHOLE = st.sampled_from(["0", "1", "9", "12345", "9" * 150, "9" * 199, "9" * 201, "9" * 400])
FRACTION = st.sampled_from(["", ".0", ".5", "." + "7" * 50, "." + "7" * 300])
EXPONENT = st.sampled_from(["", "e1", "E5", "e99", "E+99", "e-99", "e-400", "e308", "E309", "e+400", "e0400", "e1000"])


@given(SIGN, WHOLE, FRACTION, EXPONENT, st.booleans())
@example("", "9" * 210, ".0", "e99", False)
@example("", "9" * 199, "", "E+99", True)
@example("-", "1", "", "E309", True)
def test_no_number_becomes_infinite(sign, whole, fraction, exponent, alone):
    """Every number that is let through is finite, and is what Python reads; every other one is refused."""
    text = sign + whole + fraction + exponent
    body = (text if alone else f'{{"value": [1.5, {text}], "text": "e"}}').encode()
    isfloat = bool(fraction or exponent)

    if isfloat and float(text) in (float("inf"), -float("inf")):
        with pytest.raises(SourceError, match="too large for a number"):
            parse_json(body, "x")
    else:
        found = parse_json(body, "x")
        assert (found if alone else found["value"][1]) == json.loads(text)
