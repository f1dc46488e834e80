"""Pictures: legible, the same bytes for the same facts, and loaded only when one is asked for."""

from __future__ import annotations

import math
import subprocess
import sys
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_rollout.claim_facts import Truth
from pytest_rollout.decisions import Decision
from pytest_rollout.errors import RolloutError
from pytest_rollout.reports.pictures.canvas import COLOUR, OF_DECISION, PAPER
from pytest_rollout.reports.pictures.difference import Difference, Mark
from pytest_rollout.reports.pictures.distributions import Arm, Distributions
from pytest_rollout.reports.pictures.ratio import Ratio, Share
from pytest_rollout.reports.pictures.series import Look, Looks, Series
from pytest_rollout.reports.pictures.standing import Row, Standing
from pytest_rollout.reports.pictures.timeline import Change, Judged, Span, Timeline
from pytest_rollout.reports.plots import drawn

AT = datetime(2026, 11, 25, tzinfo=UTC)
MARKS = (Mark(name="warning", high=10, decision=Decision.HOLD), Mark(name="critical", high=20))


def claim(truth=Truth.PROVEN, value=3.0, low=1.0, high=7.0, **more):
    return Difference(title="P99 latency", truth=truth, value=value, low=low, high=high, marks=MARKS, unit="ms", **more)


ALL = {
    "proven": claim(),
    "refuted": claim(Truth.REFUTED, 25.0, 21.0, 29.0),
    "inconclusive": claim(Truth.INCONCLUSIVE, 8.0, 4.0, 13.0),
    "unbounded": claim(Truth.INCONCLUSIVE, 8.0, None, None),
    "unknown": claim(Truth.INCONCLUSIVE, None, None, None, why="the source is down"),
    "no limit": Difference(title="n", truth=Truth.PROVEN, value=0.0, low=0.0, high=0.0),
    "arms": Distributions(title="rows", arms=(Arm(name="a", values=(1.0, 2.0), counts=(5, 5)),)),
    "empty arms": Distributions(title="rows", arms=(Arm(name="a", values=(), counts=()),)),
    "window": Series(title="rss", times=[AT, AT + timedelta(minutes=1)], values=[1.0, 2.0], step=timedelta(minutes=1)),
    "no samples": Series(title="rss", times=[], values=[], step=timedelta(minutes=1), marks=MARKS),
    "looks": Looks(title="p99", looks=[Look(at=AT, truth=Truth.PROVEN, value=1.0)], always_valid=True, marks=MARKS),
    "no looks": Looks(title="p99", looks=[Look(at=AT, truth=Truth.INCONCLUSIVE, value=None)], always_valid=False),
    "ratio": Ratio(title="arms", arms=(Share(name="a", units=99, planned=0.99),), truth=Truth.PROVEN),
    "no units": Ratio(title="arms", arms=(Share(name="a", units=0, planned=0),), truth=Truth.INCONCLUSIVE),
    "timeline": Timeline(
        title="shop",
        until=AT + timedelta(days=3),
        changes=[Change(at=AT, percent=5), Change(at=AT + timedelta(days=1), percent=0, back=True)],
        phases=[Span(name="phase1", since=AT)],
        judged=[Judged(at=AT + timedelta(hours=each), decision=decision) for each, decision in enumerate(Decision)],
        incidents=[Span(name="SEV1", since=AT, until=AT + timedelta(hours=2))],
    ),
    "nothing happened": Timeline(title="shop", until=AT),
    "standing": Standing(title="shop", rows=[Row(phase="phase1", held=timedelta(days=1), decision=Decision.HOLD)]),
    "no phases": Standing(title="shop", rows=[]),
}


@pytest.mark.parametrize("name", ALL)
def test_a_picture_is_whole_and_asks_nobody(name):
    """SVG that parses, with no script, no font and no address from outside, the same at every drawing."""
    content = drawn(ALL[name]).content
    tree = ET.fromstring(content)

    assert tree.tag.endswith("svg")
    names = {each.tag.rpartition("}")[2] for each in tree.iter()}
    assert not names & {"script", "image", "text", "foreignObject"}
    links = {value for each in tree.iter() for key, value in each.attrib.items() if key.endswith("href")}
    assert all(link.startswith("#") for link in links)
    assert b"@font-face" not in content
    assert b"@import" not in content
    assert content == drawn(ALL[name]).content
    assert b"2026-" not in content.partition(b"<metadata>")[2].partition(b"</metadata>")[0]


@pytest.mark.parametrize(("truth", "other"), [(Truth.PROVEN, Truth.REFUTED), (Truth.REFUTED, Truth.INCONCLUSIVE)])
def test_truths_differ_in_more_than_colour(truth, other):
    """Without its colours, a picture still says which it is."""

    def colourless(each):
        text = drawn(claim(each)).content.decode().lower()
        for colour in COLOUR.values():
            text = text.replace(colour.lower(), "#000000")
        return text

    assert colourless(truth) != colourless(other)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_paper_is_opaque():
    """Drawn on white in every theme, so that dark pages show what light ones do; and every colour stands out on it."""
    content = drawn(claim()).content.decode()
    first = content[content.index('<g id="patch_1">') :]

    assert f"fill: {PAPER.lower()}" in first[:400]
    for colour in {*COLOUR.values(), *OF_DECISION.values()}:
        assert (luminance(PAPER) + 0.05) / (luminance(colour) + 0.05) > 2


def test_png():
    assert drawn(claim(), "png").content.startswith(b"\x89PNG")


def test_other_kinds_are_refused():
    with pytest.raises(RolloutError, match="'svg' or 'png', not 'pdf'"):
        drawn(claim(), "pdf")


def test_matplotlib_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr("pytest_rollout.reports.plots.find_spec", lambda name: None)

    with pytest.raises(RolloutError, match=r"pip install 'pytest-rollout\[plots\]'"):
        drawn(claim())


NASTY = st.one_of(
    st.sampled_from(
        ["<script>alert(1)</script>", "$x^{2$", "a|b`c`", "\x1b[31mred", "\u202eltr", "x" * 10_000, "", "\\", "&"]
    ),
    st.text(max_size=40),
)
NUMBERS = st.one_of(st.none(), st.floats(-1e12, 1e12))


@given(title=NASTY, unit=NASTY, limit=NASTY, numbers=st.tuples(NUMBERS, NUMBERS, NUMBERS), truth=st.sampled_from(Truth))
@settings(max_examples=12, deadline=None)
def test_any_text_and_any_number_can_be_drawn(title, unit, limit, numbers, truth):
    """Names are text and never markup; no value breaks a picture."""
    value, low, high = numbers
    marks = (Mark(name=title, high=10.0), Mark(name=unit, low=-math.inf))
    facts = Difference(title=title, truth=truth, value=value, low=low, high=high, unit=unit, limit=limit, marks=marks)

    content = drawn(facts).content

    ET.fromstring(content)
    assert b"<script" not in content


def test_quantiles_of_an_arm_are_order_statistics():
    arm = Arm(name="a", values=(1.0, 2.0, 3.0, 4.0), counts=(25, 25, 49, 1))

    assert [arm.quantile(q) for q in (0.25, 0.5, 0.99, 1.0)] == [1.0, 2.0, 3.0, 4.0]


def test_pictures_load_nothing_until_one_is_drawn():
    script = "import sys, pytest_rollout.reports.plots; print([x for x in ('matplotlib', 'numpy') if x in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "[]"


def test_no_state_of_pyplot_is_touched():
    script = (
        "import sys; from pytest_rollout.claim_facts import Truth; from pytest_rollout.reports.plots import drawn;"
        "from pytest_rollout.reports.pictures.difference import Difference;"
        "import matplotlib; told = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'};"
        "before = told();"
        "drawn(Difference(title='x', truth=Truth.PROVEN, value=1.0, low=1.0, high=1.0));"
        "print('matplotlib.pyplot' in sys.modules, before == told())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.strip() == "False True"
