"""Prometheus: one number, of the age of its data, or a sentence that says what would do.

Here a script answers, so that any answer can be tried; `tests/real` asks real servers.
"""

from __future__ import annotations

import json
import math
from datetime import timedelta
from pathlib import Path

import pytest
from support.hostile_server import answer

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import KINDS
from pytest_rollout.sources.fetch import Service
from pytest_rollout.sources.prometheus import PrometheusSource
from pytest_rollout.sources.protocol import Question

TOKEN = "tok-5e1f"


class Scripted:
    """A Prometheus that answers what a test says.

    Args:
        result: What the API answers to the query, and `kind` of which type.
        ages: Seconds that the newest sample of each selector is old, in the
            order of the query; None where there is none.
    """

    def __init__(self, hostile, at):
        self.hostile, self.at = hostile, at
        self.result, self.kind, self.ages, self.more = [], "vector", [5], {}
        self.late_ages = []
        self.asked = []
        hostile.script("/api/v1/query", self._query)
        hostile.script("/api/v1/query_range", self._query_range)

    def says(self, result, kind="vector", **more):
        self.result, self.kind, self.more = result, kind, more

    def numbers(self, *values, **labels):
        self.says([{"metric": {**labels, "n": str(n)}, "value": [1, value]} for n, value in enumerate(values)])

    def _query(self, parameters):
        self.asked.append(parameters)
        query = parameters["query"]
        if "timestamp(" not in query:
            data = {"resultType": self.kind, "result": self.result}
            return answer(json.dumps({"status": "success", "data": data, **self.more}))
        ages = self.late_ages if "max_over_time" in query else self.ages
        newest = [
            {"metric": {"selector": str(place)}, "value": [1, str(self.at.timestamp() - age)]}
            for place, age in enumerate(ages)
            if age is not None and f'"selector", "{place}"' in query
        ]
        return answer(json.dumps({"status": "success", "data": {"resultType": "vector", "result": newest}}))

    def _query_range(self, parameters):
        """A point each step; `ages` are those of the newest sample at each point, from the first."""
        self.asked.append(parameters)
        start, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
        grid = [start + step * n for n in range(round((end - start) / step) + 1)]
        if "timestamp(" in parameters["query"]:
            values = [[at, str(at - age)] for at, age in zip(grid, self.ages, strict=True) if age is not None]
            result = [{"metric": {"selector": "0"}, "values": values}]
        else:
            result = self.result or [{"metric": {}, "values": [[at, str(n)] for n, at in enumerate(grid)]}]
        data = {"resultType": "matrix", "result": result}
        return answer(json.dumps({"status": "success", "data": data}))


@pytest.fixture
def script(hostile, at):
    """What the server answers."""
    return Scripted(hostile, at)


@pytest.fixture
def source(hostile, script, at):
    """The scripted server as a source, at the run's instant."""
    return PrometheusSource(Service.of({"url": hostile.url, "bearer": TOKEN}), now=lambda: at)


def refused(source, question):
    with pytest.raises(SourceError) as caught:
        source.ask(question)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"), [("2.5", 2.5), ("+Inf", math.inf), ("-Inf", -math.inf), ("1e3", 1000.0)]
)
def test_a_number_with_the_time_of_its_data(ask, source, script, at, value, expected):
    """The answer's own time is that of the question; the newest sample behind it is 5 s old."""
    script.numbers(value)

    answer = ask(source, 'sum(rate(x{a="b"}[5m]))')

    assert [(each.value, each.at) for each in answer.samples] == [(expected, at - timedelta(seconds=5))]
    assert [each["query"] for each in script.asked] == [
        'sum(rate(x{a="b"}[5m]))',
        'label_replace(max(timestamp(x{a="b"})), "selector", "0", "", "")',
    ]
    assert {each["time"] for each in script.asked} == {f"{at.timestamp():.3f}"}
    assert answer.warnings == ()
    assert answer.status == "200"
    assert len(answer.body.splitlines()) == 2


def test_nan_is_a_sample_that_is_nan(ask, source, script):
    """What it means is decided elsewhere."""
    script.numbers("NaN")

    assert math.isnan(ask(source, "x").samples[0].value)


def test_a_scalar_is_a_number(ask, source, script, at):
    """`scalar(x)` has no labels and no list around it."""
    script.says([1, "7"], kind="scalar")

    assert ask(source, "scalar(x)").samples[0].value == 7


def test_nothing_is_an_answer_without_samples(ask, source, script):
    """And nothing is asked of its age."""
    script.says([])

    assert ask(source, "x").samples == ()
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("query", "ages", "late", "seconds"),
    [
        pytest.param("x", [240], [], 240, id="within-five-minutes"),
        pytest.param("sum(rate(x[5m]))", [240], [], 240, id="inside-a-rate"),
        pytest.param("x / y", [5, 200], [], 200, id="the-oldest-counts"),
        pytest.param("rate(x[1h])", [None], [1800], 1800, id="behind-five-minutes"),
        pytest.param("x - x offset 1d", [5, 86_410], [], 10, id="a-reference-as-of-its-time"),
        pytest.param("x offset 1h", [3605], [], 3605, id="old-on-purpose-and-alone"),
        pytest.param("x offset -5m + y", [5, 90], [], 90, id="ahead-makes-nothing-younger"),
        pytest.param("x @ end()", [5], [], 5, id="pinned-to-now"),
    ],
)
def test_the_age_is_that_of_the_data(ask, source, script, at, query, ages, late, seconds):
    """Whatever Prometheus repeats, or a rate smooths."""
    script.numbers("1")
    script.ages, script.late_ages = ages, late

    assert ask(source, query).samples[0].at == at - timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("query", "ages", "says"),
    [
        pytest.param("vector(1)", [], "the query looks at no series", id="constant"),
        pytest.param("time()", [], "the query looks at no series", id="clock"),
        pytest.param("sum(x) or vector(0)", [None], "no recent sample of x", id="nothing-made-zero"),
        pytest.param("absent(x)", [None], "no recent sample of x", id="absent"),
        pytest.param("x / y", [5, None], "no recent sample of y", id="one-of-two"),
        pytest.param("rate(x[1h])", [None], "no recent sample of x", id="not-in-its-range-either"),
        pytest.param("x[5i]", [5], "is no duration", id="unclear"),
        pytest.param("x", [math.nan], "are none", id="no-time"),
        pytest.param("x", [-1e300], "are none", id="no-time-that-is"),
    ],
)
def test_an_age_that_cannot_be_told_is_unknown(ask, source, script, query, ages, says):
    """Never "now": the sample has no time, and a note in the evidence says why."""
    script.numbers("1")
    script.ages = ages

    answer = ask(source, query)

    assert answer.samples[0].at is None
    assert answer.warnings == ()
    note = json.loads(answer.body.splitlines()[-1])["note"]
    assert note.startswith("age unknown: ")
    assert says in note


def test_a_server_that_cannot_tell_times(ask, source, script, hostile):
    """The number stands; its age does not."""
    script.numbers("1")

    def once(parameters):
        if "timestamp(" in parameters["query"]:
            error = {"status": "error", "errorType": "execution", "error": "duplicate labelset"}
            return answer(json.dumps(error), status="422 Unprocessable Entity")
        return script._query(parameters)

    hostile.script("/api/v1/query", once)

    said = ask(source, "x")

    assert said.samples[0].at is None
    assert "the query cannot be evaluated: duplicate labelset" in said.body


def test_several_series_are_named(source, script, at):
    """Three of them, and what would do."""
    script.numbers("1", "2", "3", "4", __name__="up", job="api")

    message = refused(source, Question(query="up", at=at))

    assert (
        '4 series where one was meant: up{job="api", n="0"}, up{job="api", n="1"}, up{job="api", n="2"}, …' in message
    )
    assert "reduce them in the query: sum(…), max(…)" in message


@pytest.mark.parametrize(
    ("result", "kind", "says"),
    [
        ([1, "hello"], "string", "the query is a text, not a number"),
        ([{"metric": {}, "values": [[1, "2"]]}], "matrix", "a range of samples, not a number\nreduce it: rate(…)"),
        ([{"metric": {}, "histogram": [1, {"count": "3"}]}], "vector", "a histogram, not a number\nask for a number:"),
        ([{"metric": {"le": str(n)}, "value": [1, "2"]} for n in range(9)], "vector", "the buckets of a histogram"),
        ([{"metric": {}, "value": [1, 2]}], "vector", "a list of 2 is no time and value"),
        ([{"metric": {}, "value": [1, "1_0"]}], "vector", "is no time and value"),
        ([{"metric": {}, "value": [True, "1"]}], "vector", "is no time and value"),
        ([{"metric": {}, "value": [1, "two"]}], "vector", "is no time and value"),
        ([{"metric": {}}], "vector", "has no values"),
        ([{"metric": {}, "values": []}], "vector", "has not one value"),
        ([{"value": [1, "1"]}], "vector", "is no series"),
        ([7], "vector", "7 is no series"),
        ({}, "vector", "a result of type 'vector'"),
        ([], "streams", "a result of type 'streams'\nis 'url' the base address"),
    ],
)
def test_a_result_that_is_no_number(source, script, at, result, kind, says):
    """Refused with what would do."""
    script.says(result, kind)

    assert says in refused(source, Question(query="x", at=at))


@pytest.mark.parametrize(
    ("status", "document", "says"),
    [
        (
            "400 Bad Request",
            {"errorType": "bad_data", "error": 'invalid parameter "query": 1:9: parse error: unclosed'},
            'the query is refused: invalid parameter "query": 1:9: parse error: unclosed\nnear: sum(rate(x[5m])',
        ),
        (
            "422 Unprocessable Entity",
            {"errorType": "execution", "error": "many-to-many matching not allowed"},
            "the query cannot be evaluated: many-to-many matching not allowed",
        ),
        (
            "503 Service Unavailable",
            {"errorType": "timeout", "error": "query timed out in expression evaluation"},
            "the query was given up (timeout): query timed out in expression evaluation\nask for less",
        ),
        ("500 No", {"errorType": "internal", "error": f"no {TOKEN}"}, "status 500: no ***"),
        ("404 Not Found", None, "status 404: 404 page not found\nis 'url' the base address"),
        ("404 Not Found", {"error": "no such path"}, "status 404: no such path\nis 'url' the base address"),
        ("401 Unauthorized", None, "status 401: 404 page not found\ncheck the credentials"),
    ],
)
def test_errors_are_told_apart(source, hostile, at, status, document, says):
    """What the query did wrong, what the server could not, and what is no Prometheus."""
    body = "404 page not found" if document is None else json.dumps({"status": "error", **document})
    hostile.scripts.clear()
    hostile.reply("/api/v1/query", body, status=status)

    message = refused(source, Question(query="sum(rate(x[5m])", at=at))

    assert says in message
    assert TOKEN not in message


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"value": 1}, "answered a mapping with the keys value, not as Prometheus does"),
        ([], "answered a list of 0, not as Prometheus does"),
        ({"status": "success", "data": []}, "answered a list of 0 as data"),
        ({"status": "success", "isPartial": True, "data": {}}, "the answer is partial"),
    ],
)
def test_json_that_is_no_answer(source, hostile, at, document, says):
    """Some other service, or half of a cluster."""
    hostile.scripts.clear()
    hostile.reply("/api/v1/query", json.dumps(document))

    assert says in refused(source, Question(query="x", at=at))


def test_warnings_are_kept(ask, source, script):
    """Those of the API, once each, for they make the number unknown; advice on style does not."""
    script.numbers("1")
    script.more = {"warnings": ["store a is down", "store a is down"], "infos": ["metric might not be a counter"]}

    assert ask(source, "x").warnings == ("store a is down",)


def test_a_long_query_is_posted(ask, source, script, hostile):
    """An address has an end; a short one can be read in a proxy's log."""
    script.numbers("1")

    ask(source, "x")
    ask(source, "x" + " + x" * 1000)

    assert [request.split()[0] for request in hostile.requests if "/query" in request] == ["GET", "GET", "POST", "GET"]


def test_a_cluster_is_asked_for_the_whole(ask, source, script):
    """And not for what a cache has, nor for longer than we wait."""
    script.numbers("1")

    ask(source, "x", timeout_seconds=5)

    sent = script.asked[0]
    assert (sent["partial_response"], sent["deny_partial_response"], sent["nocache"]) == ("false", "1", "1")
    assert 4000 < int(sent["timeout"].removesuffix("ms")) <= 5000


@pytest.mark.parametrize(
    ("data", "identity"),
    [
        ({"version": "2.42.0", "revision": "abc"}, "Prometheus 2.42.0"),
        ({"version": "2.24.0"}, "Prometheus API 2.24.0"),
        ({"version": "2.10", "application": "Grafana Mimir", "revision": "a"}, "Grafana Mimir 2.10"),
        ({}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_what_answered(ask, source, script, hostile, data, identity):
    """Asked once a source; nothing where it does not say, which costs no verdict."""
    script.numbers("1")
    hostile.reply("/api/v1/status/buildinfo", json.dumps({"status": "success", "data": data}))

    assert [ask(source, query).identity for query in ("x", "y")] == [identity, identity]
    assert sum("buildinfo" in request for request in hostile.requests) == 1


def test_an_identity_that_hangs_costs_a_second_once(ask, hostile, script, at):
    """And the answer stands."""
    script.numbers("1")
    hostile.scripts["/hang-after-headers/api/v1/query"] = script._query
    source = PrometheusSource(Service.of({"url": f"{hostile.url}/hang-after-headers"}), now=lambda: at)

    answers = [ask(source, "x", timeout_seconds=8) for _ in range(2)]

    assert [(answer.samples[0].value, answer.identity) for answer in answers] == [(1, ""), (1, "")]
    assert sum("buildinfo" in request for request in hostile.requests) == 1


class TestWindows:
    """A series over time: one sample where there was new data, and none where the last was repeated."""

    def test_samples_have_the_times_of_their_data(self, source, script, at):
        script.ages = [5, 5, 5, 5]

        answer = source.ask(Question(query="x", at=at, start=at - timedelta(minutes=4)))

        times = [at - timedelta(minutes=minutes, seconds=5) for minutes in (3, 2, 1, 0)]
        assert [(each.value, each.at) for each in answer.samples] == [(float(n), times[n]) for n in range(4)]
        assert answer.warnings == ()

    def test_what_prometheus_repeats_is_left_out(self, source, script, at):
        script.ages = [5, 65, 125, 185, None, 5]

        answer = source.ask(Question(query="x", at=at, start=at - timedelta(minutes=6)))

        assert [each.value for each in answer.samples] == [0, 5]
        assert answer.warnings == ()
        assert "4 of 6 points left out: no new data behind them" in answer.body

    def test_the_window_is_open_at_its_start(self, source, script, at):
        script.ages = [60, 60]

        answer = source.ask(Question(query="x", at=at, start=at - timedelta(minutes=2)))

        assert [each.at for each in answer.samples] == [at - timedelta(minutes=1)]

    def test_a_step_that_does_not_divide_the_window(self, source, script, at):
        script.ages = [0, 0, 0]

        source.ask(Question(query="x", at=at, start=at - timedelta(seconds=25), step=timedelta(seconds=10)))

        assert float(script.asked[0]["start"]) == at.timestamp() - 20
        assert float(script.asked[0]["end"]) == at.timestamp()

    @pytest.mark.parametrize(
        ("start", "step", "says"),
        [
            (
                timedelta(days=30),
                60,
                "43200 points are asked for, and Prometheus gives 11000 at most\nask for a step of 236 s",
            ),
            (timedelta(0), 60, "holds nothing"),
            (timedelta(hours=-1), 60, "holds nothing"),
            (timedelta(hours=1), 0, "holds nothing"),
        ],
    )
    def test_a_window_that_cannot_be_asked(self, source, at, start, step, says):
        assert says in refused(source, Question(query="x", at=at, start=at - start, step=timedelta(seconds=step)))

    def test_several_series(self, source, script, at):
        script.result = [{"metric": {"n": n}, "values": [[1, "1"]]} for n in "ab"]

        message = refused(source, Question(query="x", at=at, start=at - timedelta(hours=1)))

        assert '2 series where one was meant: {n="a"}, {n="b"}' in message

    def test_native_histograms(self, source, script, at):
        script.result = [{"metric": {}, "histograms": [[1, {"count": "3"}]]}]

        assert "the query is a histogram" in refused(source, Question(query="x", at=at, start=at - timedelta(hours=1)))

    def test_samples_whose_times_cannot_be_told(self, source, at):
        message = refused(source, Question(query="vector(1)", at=at, start=at - timedelta(hours=1)))

        assert "when the samples were taken cannot be told: the query looks at no series" in message

    def test_a_histogram_over_time(self, source, at):
        question = Question(query="x", at=at, start=at - timedelta(hours=1), buckets=True)

        assert "asked for in the query: sum by (le)" in refused(source, question)


class TestHistograms:
    """Buckets where they are asked for."""

    def test_classic(self, source, script, at):
        counts = {"0.1": "3", "0.5": "7", "+Inf": "10"}
        script.says([{"metric": {"le": le}, "value": [1, count]} for le, count in counts.items()])

        answer = source.ask(Question(query="sum by (le) (increase(x_bucket[1h]))", at=at, buckets=True))

        assert [(each.upto, each.count) for each in answer.buckets] == [(0.1, 3), (0.5, 4), (math.inf, 3)]
        assert [(each.value, each.at) for each in answer.samples] == [(10, at - timedelta(seconds=5))]

    def test_native(self, source, script, at):
        histogram = {"count": "5", "sum": "1", "buckets": [[0, "1", "2", "5"]]}
        script.says([{"metric": {}, "histogram": [1, histogram]}])

        answer = source.ask(Question(query="sum(x)", at=at, buckets=True))

        assert [(each.above, each.upto, each.count) for each in answer.buckets] == [(1, 2, 5)]
        assert answer.samples[0].value == 5

    def test_nothing(self, source, script, at):
        script.says([])

        answer = source.ask(Question(query="x", at=at, buckets=True))

        assert (answer.samples, answer.buckets) == ((), ())

    @pytest.mark.parametrize(
        ("result", "kind", "says"),
        [
            (
                [{"metric": {}, "value": [1, "2"]}],
                "vector",
                "a number, not a histogram\nask for the buckets: sum by (le)",
            ),
            ([1, "2"], "scalar", "a number, not a histogram"),
            ([{"metric": {"le": "1"}, "value": [1, "2"]}], "vector", 'no bucket le="+Inf"'),
            (
                [{"metric": {"le": "+Inf", "pod": pod}, "value": [1, "2"]} for pod in "ab"],
                "vector",
                '2 histograms where one was meant: {le="+Inf", pod="a"}, {le="+Inf", pod="b"}\nsum them',
            ),
            (
                [
                    {"metric": {}, "histogram": [1, {"count": "0"}]},
                    {"metric": {"le": "+Inf"}, "value": [1, "2"]},
                ],
                "vector",
                "histograms where one was meant",
            ),
            ([{"metric": {}, "histogram": [1]}], "vector", "is no native histogram"),
        ],
    )
    def test_what_is_no_histogram(self, source, script, at, result, kind, says):
        script.says(result, kind)

        assert says in refused(source, Question(query="x", at=at, buckets=True))


class TestAlertRules:
    """`firing alerts of NAME`: a number only of a rule that is there and well."""

    @pytest.fixture
    def rules(self, hostile, at):
        def rules(*found, type_="alerting"):
            sound = {
                "name": "HighConceptFormationRate",
                "type": type_,
                "health": "ok",
                "alerts": [],
                "lastEvaluation": "2026-11-07T08:59:50.123456789Z",
            }
            groups = [{"name": "g", "rules": [{**sound, **each} for each in found]}]
            hostile.reply("/api/v1/rules", json.dumps({"status": "success", "data": {"groups": groups}}))

        return rules

    @pytest.mark.parametrize(
        ("states", "value"), [([], 0), (["pending"], 0), (["firing"], 1), (["firing", "pending", "firing"], 2)]
    )
    def test_how_many_are_firing(self, ask, source, rules, at, states, value):
        rules({"alerts": [{"state": state} for state in states]}, {"name": "Other", "health": "err"})

        (sample,) = ask(source, "firing alerts of HighConceptFormationRate").samples

        assert sample.value == value
        assert at - timedelta(seconds=10) < sample.at < at - timedelta(seconds=9)

    def test_rules_of_one_name_are_one(self, ask, source, rules, at):
        rules({"alerts": [{"state": "firing"}]}, {"lastEvaluation": "2026-11-07T08:00:00Z"})

        (sample,) = ask(source, "firing alerts of HighConceptFormationRate").samples

        assert (sample.value, sample.at) == (1, at - timedelta(hours=1))

    @pytest.mark.parametrize(
        ("rule", "says"),
        [
            ({"name": "HighConceptFormatonRate"}, "there is no alert rule 'HighConceptFormationRate'\ndid you mean"),
            ({"type": "recording"}, "there is no alert rule"),
            (
                {"health": "err", "lastError": f"no {TOKEN}"},
                "the health of alert rule 'HighConceptFormationRate' is 'err': no ***",
            ),
            ({"health": "unknown"}, "is 'unknown': it was not evaluated yet"),
            ({"health": None}, "is 'None'"),
            ({"lastEvaluation": "soon"}, "lastEvaluation of 'HighConceptFormationRate': 'soon' is not a time"),
            ({"lastEvaluation": None}, "is not a"),
            ({"alerts": None}, "does not list its alerts"),
            ({"state": "firing"}, "whose state is 'firing', does not list its alerts"),
            ({"state": "firing", "alerts": [{"state": "pending"}]}, "does not list its alerts"),
        ],
    )
    def test_a_rule_that_says_nothing(self, source, rules, at, rule, says):
        rules(rule)

        assert says in refused(source, Question(query="firing alerts of HighConceptFormationRate", at=at))

    @pytest.mark.parametrize("data", [{}, {"groups": 7}, {"groups": [7, {"rules": [7]}]}])
    def test_no_rules_at_all(self, source, hostile, at, data):
        hostile.reply("/api/v1/rules", json.dumps({"status": "success", "data": data}))

        assert "there is no alert rule 'X'" in refused(source, Question(query="firing alerts of X", at=at))

    def test_rules_are_as_they_are_now(self, source, rules, at):
        rules({})

        for question, says in (
            (Question(query="firing alerts of X", at=at - timedelta(minutes=3)), "answers for now only"),
            (Question(query="firing alerts of X", at=at, start=at - timedelta(hours=1)), "no series over time"),
            (Question(query="firing alerts of X", at=at, buckets=True), "no histogram"),
        ):
            assert says in refused(source, question)


def test_opening_contacts_nobody(hostile):
    """And shows no secret."""
    source = KINDS["prometheus"].open({"url": hostile.url, "bearer": TOKEN}, Path())

    assert hostile.requests == []
    assert TOKEN not in repr(source)
