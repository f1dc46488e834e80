"""Levels that must last, summaries, ratios and histograms: from a plan's line to the exit code."""

import pytest

PLAN = """
rollout: shop
every: 30m
metrics:
  rss: {unit: MB, better: lower, source: telemetry, query: rss}
budgets:
  rss: {phases: [phase1], critical: {limit: 600 MB, for: 5m}}
phases:
  phase1: {}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
GATE = 'def test_plain(metrics):\n    """Memory is known."""\n    assert metrics("rss") > 0\n'


def spike(minutes, *, ago=10, height=650):
    """Three quarters of an hour at 500 MB with one spike in it, which ended some minutes ago."""
    calm = 45 - ago - minutes
    return {"values": [500] * calm + [height] * (minutes + 1) + [500] * (ago - 1), "every": "60s"}


@pytest.fixture
def shop(project):
    project.write("gates/shop/rollout.yaml", PLAN)
    project.gate(GATE)
    return project


@pytest.mark.parametrize(
    ("rss", "exit_code", "codes"),
    [
        pytest.param(spike(4), 0, set(), id="four-minutes"),
        pytest.param(spike(6), 20, {"critical"}, id="six-minutes"),
        pytest.param(spike(6, ago=1), 20, {"critical"}, id="six-minutes-until-now"),
        pytest.param({"values": [500] * 45, "every": "60s"}, 0, set(), id="calm"),
        pytest.param({"values": [500] * 20, "every": "60s"}, 1, {"no-data"}, id="half-of-it-missing"),
        pytest.param(500, 0, set(), id="the-same-all-along"),
        pytest.param({"error": "refused"}, 1, {"no-data"}, id="down"),
    ],
)
def test_a_level_that_must_last(shop, rss, exit_code, codes):
    """A spike of four minutes does not trip a trigger of five, one of six does, and a gap is doubt."""
    shop.answers(rss=rss)

    result = shop.run()

    assert (result.ret, result.codes) == (exit_code, codes), result.text


def test_the_screen_says_what_was_held(shop):
    shop.answers(rss=spike(6))

    result = shop.run()

    result.stdout.fnmatch_lines(["*rss highest for 5 min = 650 MB*limit ≤ 600 MB (critical)*"])


@pytest.mark.parametrize(
    ("gate", "exit_code"),
    [
        ("assert metrics('rss').over('30m').max < 600", 0),
        ("assert metrics('rss').over('30m').max < 500", 1),
        ("assert metrics('rss').over('30m').stays_below(600)", 0),
        ("assert metrics('rss').over('30m').stays_above('400 MB', for_='5m')", 0),
        ("assert metrics('rss').over('30m').sustained('5m').highest < 600", 0),
        ("assert metrics('rss').over('30m').consecutive(5).lowest > 400", 0),
        ("assert metrics('rss').over('30m').p(99) <= 540", 0),
        ("assert metrics('rss').over('30m').growth < '30 %/h'", 0),
        ("assert metrics('rss').over('30m').slope < '100 MB/h'", 0),
        ("assert metrics('rss').over('2h').max < 600", 1),
        ("metrics('rss').over('30m')", 1),
        ("assert metrics('rss').over('soon').max < 600", 1),
    ],
)
def test_windows_in_a_gate(shop, gate, exit_code):
    """What a gate may ask of the last half hour; a longer window than there is data is doubt."""
    shop.gate(f"def test_it(metrics):\n    {gate}\n")
    shop.answers(rss={"values": [500 + index for index in range(40)], "every": "60s"})

    assert shop.run().ret == exit_code


MORE = """
rollout: shop
metrics:
  errors: {unit: "%", better: lower, source: telemetry, ratio: {of: failed, over: all}}
  waiting: {unit: ms, better: lower, source: telemetry, query: waiting, quantile: 0.99}
  growth: {unit: "%/h", better: lower, source: telemetry, query: rss, over: 4h, as: growth}
  newest: {unit: MB, better: lower, source: telemetry, series: rss}
budgets:
  errors: {phases: [phase1], warning: 0.1 %, critical: 1 %}
  waiting: {phases: [phase1], critical: 100 ms}
  growth: {phases: [phase1], warning: 1 %/h}
  newest: {phases: [phase1], warning: 600 MB}
phases:
  phase1: {}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
HEALTHY = {
    "failed": 3,
    "all": 100_000,
    "waiting": {"buckets": {"10": 9_000, "50": 990, "100": 10}},
    "rss": {"values": [500 + (index % 7) * 0.1 for index in range(240)], "every": "60s"},
}


@pytest.mark.parametrize(
    ("changed", "exit_code", "codes"),
    [
        pytest.param({}, 0, set(), id="healthy"),
        pytest.param({"failed": 0, "all": 1000}, 1, {"inconclusive"}, id="too-few-requests"),
        pytest.param({"failed": 2, "all": 1000}, 1, {"inconclusive"}, id="two-errors-prove-nothing"),
        pytest.param({"failed": 500}, 1, {"warning"}, id="half-a-per-cent"),
        pytest.param({"failed": 5000}, 20, {"critical"}, id="five-per-cent"),
        pytest.param({"all": 0, "failed": 0}, 1, {"no-data", "low-n", "inconclusive"}, id="no-requests"),
        pytest.param({"all": 2}, 1, {"no-data"}, id="more-errors-than-requests"),
        pytest.param({"failed": None}, 1, {"no-data"}, id="half-a-ratio"),
        pytest.param(
            {"waiting": {"buckets": {"10": 90, "50": 9, "100": 1}}}, 1, {"inconclusive"}, id="too-few-for-p99"
        ),
        pytest.param(
            {"waiting": {"buckets": {"10": 9000, "100": 500, "500": 500}}}, 20, {"critical"}, id="p99-too-slow"
        ),
        pytest.param({"waiting": {"buckets": {"10": 9000, "500": 300}}}, 1, {"inconclusive"}, id="bucket-too-wide"),
        pytest.param({"waiting": 3}, 1, {"no-data", "inconclusive"}, id="no-histogram"),
        pytest.param({"rss": {**HEALTHY["rss"], "age": "8m"}}, 1, {"stale"}, id="dead-for-eight-minutes-of-four-hours"),
        pytest.param(
            {"rss": {"values": [*HEALTHY["rss"]["values"], *["NaN"] * 8], "every": "60s"}},
            1,
            {"stale", "no-data"},
            id="nan-for-eight-minutes",
        ),
        pytest.param(
            {"rss": {"values": [500 * 1.05 ** (i / 60) for i in range(240)], "every": "60s"}},
            1,
            {"warning"},
            id="five-per-cent-an-hour",
        ),
    ],
)
def test_ratios_quantiles_and_summaries(project, changed, exit_code, codes):
    """Samples have bounds, and a limit inside of the bounds is doubt."""
    project.write("gates/shop/rollout.yaml", MORE)
    project.gate("def test_known(metrics):\n    assert metrics('newest') > 0\n")
    project.answers(**{**HEALTHY, **changed})

    result = project.run()

    assert result.ret == exit_code, result.text
    assert result.codes <= codes, result.text
    assert bool(result.codes) == bool(codes)


DISTRIBUTION = """
rollout: shop
metrics:
  sure: {unit: "%", better: higher, source: telemetry, query: confidences, within: [0.7, 0.9], burst: 1}
  confidence: {source: telemetry, query: confidences, quantile: 0.5, burst: 1}
  before: {source: telemetry, query: before, quantile: 0.5, burst: 1}
budgets:
  sure: {phases: [phase1], warning: 60 %, critical: 50 %}
phases:
  phase1: {}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
SURE = {
    "confidences": {"rows": [0.75] * 160 + [0.3] * 40},
    "before": {"rows": [0.75] * 80 + [0.3] * 20},
}
BOTH_GATES = """
def test_most_are_sure(metrics):
    assert metrics("confidence").share(0.7, 0.9) > 0.5

def test_as_before(metrics):
    assert metrics("confidence").drift(metrics("before")) < 0.7
"""


@pytest.mark.parametrize(
    ("changed", "exit_code", "codes"),
    [
        pytest.param({}, 0, set(), id="healthy"),
        pytest.param({"confidences": {"rows": [0.75] * 11 + [0.3] * 4}}, 1, {"inconclusive", "low-n"}, id="too-few"),
        pytest.param({"confidences": {"rows": [0.75] * 110 + [0.3] * 90}}, 1, {"inconclusive"}, id="nearly-half"),
        pytest.param(
            {"confidences": {"rows": [0.75] * 40 + [0.3] * 160}},
            20,
            {"critical", "failed", "inconclusive"},
            id="few-are-sure",
        ),
        pytest.param({"confidences": {"rows": []}}, 1, {"no-data", "inconclusive"}, id="no-rows"),
        pytest.param({"confidences": {"error": "down"}}, 1, {"no-data", "inconclusive"}, id="down"),
        pytest.param(
            {"confidences": {"buckets": {"0.6": 40, "0.8": 160}}}, 1, {"inconclusive"}, id="a-bucket-that-is-cut"
        ),
        pytest.param({"before": {"buckets": {"0.5": 4, "0.9": 5}}}, 1, {"low-n"}, id="too-few-before"),
        pytest.param(
            {"before": {"buckets": {"0.5": 20, "0.7": 0, "0.9": 80}}}, 1, {"inconclusive"}, id="edges-that-differ"
        ),
    ],
)
def test_shares_and_drift_of_distributions(project, changed, exit_code, codes):
    """A budget of a share, and gates that ask for one: proven, refuted with its level, or doubt."""
    project.write("gates/shop/rollout.yaml", DISTRIBUTION)
    project.gate(BOTH_GATES)
    project.answers(**{**SURE, **changed})

    result = project.run()

    assert result.ret == exit_code, result.text
    assert result.codes <= codes, result.text
    assert bool(result.codes) == bool(codes)


@pytest.mark.parametrize(
    ("calculated", "named"),
    [
        ('(metrics("rss") / 1000).over("30m").max < 5', "rss / 1000"),
        ('(metrics("rss") - 100).over("30m").max < 5', "rss - 100"),
        ('(-metrics("rss")).over("30m").max < 5', "-rss"),
        ('(metrics("rss") / metrics("rss")).over("30m").min < 5', "rss / rss"),
        ('(2 * metrics("rss")).over("30m").max < 5', "2 * rss"),
    ],
)
def test_what_was_calculated_has_no_past(shop, calculated, named):
    """A window of the metric alone would be judged in its place, and a limit of the quotient held against it."""
    shop.gate(f"def test_rss(metrics):\n    assert {calculated}\n")
    shop.answers(rss={"values": [0.5] * 45, "every": "60s"})

    result = shop.run()

    result.holds("error")
    assert f"{named} has no past: take the window first" in result.text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("over(60).max", "60 is no duration: write it with its unit, as in '24h'"),
        ("over(None).max", "None is no duration"),
        ('over("30m").sustained(5).highest', "5 is no duration"),
        ('over("30m").p("99")', "p('99') is not a percentile"),
        ('over("30m").consecutive(2.5).highest', "2.5 in a row is no row"),
        ('over("30m")', "a window of rss is no number: say what of it is meant, as in `.max`"),
    ],
)
def test_what_cannot_be_asked_says_what_would_do(shop, asked, said):
    """In words, and not as an error of Python's."""
    shop.gate(f'def test_rss(metrics):\n    assert metrics("rss").{asked} < 600\n')
    shop.answers(rss={"values": [500] * 45, "every": "60s"})

    result = shop.run()

    result.holds("error")
    assert said in " ".join(result.text.split())
    assert "AttributeError" not in result.text
    assert "TypeError" not in result.text


OUTAGE = """
rollout: shop
metrics:
  failed: {unit: "%", better: lower, source: telemetry, ratio: {of: failed, over: requests}, burst: 1}
  latency_ms: {unit: ms, better: lower, source: telemetry, query: latency}
  queue: {better: lower, source: telemetry, query: queue}
  refunds: {unit: "%", better: lower, source: telemetry, ratio: {of: refunds, over: requests}}
  returns: {unit: "%", better: lower, source: telemetry, ratio: {of: returns, over: requests}}
budgets:
  failed: {phases: [phase1], critical: 1 %}
  latency_ms: {phases: [phase1], critical: 60 ms}
  queue: {phases: [phase1], critical: 9}
OTHERS
phases:
  phase1: {}
environments:
  test:
    sources:
      telemetry: {kind: memory, answers: answers.yaml}
"""
SHARES = "  refunds: {phases: [phase1], critical: 9 %}\n  returns: {phases: [phase1], critical: 9 %}"
DOWN = {"error": "refused"}


@pytest.mark.parametrize(
    ("others", "answers", "exit_code"),
    [
        ("", {"latency": 25, "queue": 2}, 20),
        ("", {"latency": DOWN, "queue": DOWN}, 20),
        (SHARES, {"latency": 25, "queue": 2, "refunds": 1, "returns": 1}, 1),
        (SHARES, {"latency": 25, "queue": 2, "refunds": DOWN, "returns": DOWN}, 1),
    ],
    ids=["alone", "beside-numbers-that-are-down", "beside-shares", "beside-shares-that-are-down"],
)
def test_a_source_that_is_down_changes_no_other_trigger(shop, others, answers, exit_code):
    """One of 40 by chance: exact numbers are no further chance, known or not, and shares are one, known or not."""
    shop.write("gates/shop/rollout.yaml", OUTAGE.replace("OTHERS\n", f"{others}\n"))
    shop.gate('def test_plain(metrics):\n    """Somebody asks."""\n    assert metrics("failed") < 50\n')
    shop.answers(failed=22, requests=1000, **answers)

    result = shop.run()

    assert result.ret == exit_code, result.text
