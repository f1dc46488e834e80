"""What a plan must not say, and the exact words in which it is told so."""

import json
from pathlib import Path

import pytest

from pytest_rollout.plan.grammar import NOT_JUDGED_YET

PLANS = Path(__file__).parent / "plans"
SMALL = (PLANS / "small.yaml").read_text()

MINUS = "−"  # noqa: RUF001 - the minus that people paste
YET = "not judged yet by this version: it would be read and ignored; remove it"
CHANGE = "\n  say from what: 'against: baseline' at the budget; or write the level itself, without a sign"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            "rollout: demo\n",
            "",
            "1:1: 'rollout' is missing\n  rollout: the rollout's name",
            id="no-name",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: Dual_Memory",
            "1:10: rollout: 'Dual_Memory' cannot be a name here\n"
            "  names: lower-case letters, digits and '-', first a letter or digit",
            id="rollout-name",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\ntitel: x",
            "2:1: titel: unknown key 'titel'\n"
            "  keys: baseline, budgets, confidence, environment, environments, every, evidence_age, experiment, "
            "looks, metrics, on_proceed, on_rollback, owner, partial, percentage, phases, reports, "
            "rollout, rto, runbook, title\n"
            "  did you mean 'title'?",
            id="unknown-key",
        ),
        *(
            pytest.param(
                "rollout: demo",
                f"rollout: demo\nreports: {{links: {{dashboard: {json.dumps(address)}}}}}",
                f"2:30: reports.links.dashboard: {address!r} is no address\n"
                "  http:// or https://, a host, and no spaces or passwords",
                id=f"link-{name}",
            )
            for name, address in {
                "script": "javascript:alert(1)",
                "path": "/d/shop",
                "password": "https://me:secret@example.org/",
                "mark-up": 'https://example.org/"><script>',
            }.items()
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\non_hold: {}",
            f"2:1: on_hold: {YET}\n  comes with hooks on verdicts",
            id="not-yet",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\ntitle:",
            "2:7: title: nothing stands here\n  wanted: what the rollout is about, for readers",
            id="nothing",
        ),
        pytest.param(
            "rollout: demo",
            'rollout: demo\ntitle: "  "',
            "2:8: title: an empty text\n  wanted: what the rollout is about, for readers",
            id="blank",
        ),
        pytest.param(
            "rollout: demo",
            'rollout: demo\ntitle: "a\\e[31mb"',
            "2:8: title: a line break or a control character in the text\n"
            "  wanted: what the rollout is about, for readers",
            id="control-character",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\ntitle: [a]",
            "2:8: title: a text is wanted here, not a list\n  wanted: what the rollout is about, for readers",
            id="kind",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\nowner: ${USER}",
            "2:8: owner: environment variables are filled in below environments: and in actions only\n"
            "  write the value itself",
            id="variable",
        ),
        pytest.param(
            "query: rss",
            'query: "up{env=${ENV:-prod}}"',
            "3:60: metrics.rss.query: environment variables are filled in below environments: and in actions only\n"
            "  write the value itself",
            id="variable-in-query",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\nenvironment: prodction",
            "2:14: environment: unknown environment 'prodction'\n"
            "  environments: production\n"
            "  did you mean 'production'?",
            id="unknown-environment",
        ),
        pytest.param(
            "  rss: {unit",
            "  RSS: {unit",
            "3:3: metrics.RSS: 'RSS' cannot be a name here\n"
            "  names: lower-case letters, digits, '_' and '.', first a letter\n"
            "rollout.yaml:6:3: budgets.rss: unknown metric 'rss'\n"
            "  metrics: RSS, rate",
            id="metric-name",
        ),
        pytest.param(
            "source: telemetry, query: rss",
            "source: telemtry, query: rss",
            "3:42: metrics.rss.source: unknown source 'telemtry'\n"
            "  sources of environment 'production': telemetry\n"
            "  did you mean 'telemetry'?",
            id="unknown-source",
        ),
        pytest.param(
            ", query: rss",
            "",
            "3:3: metrics.rss: none of query, ratio, samples, series is there\n"
            "  query: what the source is asked\n"
            "  series: what the source is asked for a series over time, where that is another query\n"
            "  ratio: a share as two counts, because a share of 1000 requests is a sample and no fact\n"
            "  samples: the rows of an experiment: a source and a column of its table, as recalls.latency_ms",
            id="no-query",
        ),
        pytest.param(
            "better: lower",
            "better: lowr",
            "3:27: metrics.rss.better: unknown word 'lowr'\n  words: higher, lower\n  did you mean 'lower'?",
            id="better",
        ),
        pytest.param(
            "query: rss",
            "query: rss, max_age: 5",
            "3:74: metrics.rss.max_age: '5' is not a duration: write 60s, 5m, 48h or 14d ('m' is minutes)",
            id="max-age",
        ),
        pytest.param(
            "query: rss",
            "query: rss, max_age: 1:30",
            "3:74: metrics.rss.max_age: '1:30' is not a duration: write 60s, 5m, 48h or 14d ('m' is minutes)",
            id="sexagesimal",
        ),
        pytest.param(
            "query: rss",
            "query: rss, no_data: {as: 0, alive: rate}",
            "3:65: metrics.rss.no_data: 'because' is missing\n  because: why an empty answer means that number",
            id="no-because",
        ),
        pytest.param(
            "query: rss",
            "query: rss, no_data: {as: none, alive: rate, because: x}",
            "3:79: metrics.rss.no_data.as: 'none' is not a number\n"
            "  write a plain number in the metric's unit, such as 0",
            id="no-data-as",
        ),
        pytest.param(
            "query: rss",
            "query: rss, no_data: {as: 0, alive: rat, because: x}",
            "3:89: metrics.rss.no_data.alive: unknown metric 'rat'\n  metrics: rate\n  did you mean 'rate'?",
            id="alive-unknown",
        ),
        pytest.param(
            "query: rss",
            "query: rss, no_data: {as: 0, alive: rss, because: x}",
            "3:89: metrics.rss.no_data.alive: metric 'rss' cannot show by itself that its source is alive\n"
            "  metrics: rate",
            id="alive-itself",
        ),
        pytest.param(
            "query: rate}",
            "query: rate, no_data: {as: 0, alive: rss, because: x}}\n"
            "  new: {source: telemetry, query: x, no_data: {as: 0, alive: rate, because: x}}",
            "5:62: metrics.new.no_data.alive: metric 'rate' has 'no_data' itself, so it shows nothing alive\n"
            "  name a metric that always answers",
            id="alive-of-alive",
        ),
        pytest.param(
            "query: rate}",
            "query: rate, max_age: any}\n"
            "  new: {source: telemetry, query: x, no_data: {as: 0, alive: rate, because: x}}",
            "5:62: metrics.new.no_data.alive: metric 'rate' never grows old ('max_age: any'), "
            "so it shows nothing alive\n"
            "  give it a max_age",
            id="alive-for-ever",
        ),
        pytest.param(
            "rss: {phases",
            "rs: {phases",
            "6:3: budgets.rs: unknown metric 'rs'\n  metrics: rate, rss\n  did you mean 'rss'?",
            id="unknown-metric",
        ),
        pytest.param(
            "[phase1]",
            "[phase1, phas1]",
            "6:26: budgets.rss.phases[1]: unknown phase 'phas1'\n  phases: phase1\n  did you mean 'phase1'?",
            id="unknown-phase",
        ),
        pytest.param(
            "[phase1]",
            "[phase1, phase1]",
            "6:26: budgets.rss.phases[1]: 'phase1' stands in the list twice",
            id="phase-twice",
        ),
        pytest.param(
            "[phase1]",
            "[]",
            "6:17: budgets.rss.phases: an empty list\n  wanted: the phases it holds in",
            id="no-phases",
        ),
        pytest.param(
            "phases: [phase1], ",
            "",
            "6:3: budgets.rss: 'phases' is missing\n  phases: the phases it holds in",
            id="phases-missing",
        ),
        pytest.param(
            ", warning: 600 MB",
            ", action: wait",
            "6:3: budgets.rss: no level\n  write at least one, such as 'warning: 600 MB'",
            id="no-level",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600",
            "6:36: budgets.rss.warning: '600' has no unit\n  write the unit, such as '600 MB'",
            id="bare-number",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 0",
            "6:36: budgets.rss.warning: '0' has no unit\n  write the unit, such as '0 MB'",
            id="bare-zero",
        ),
        pytest.param(
            "budgets:\n  rss: {phases: [phase1], warning: 600 MB}",
            "budgets:\n  rate: {phases: [phase1], warning: 0..600 MB}",
            "6:37: budgets.rate.warning: 'MB' (data) cannot be compared with '/h' (number per time)",
            id="other-kind",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600 MB/h",
            "6:36: budgets.rss.warning: 'MB/h' (data per time) cannot be compared with 'MB' (data): "
            "one is per time, the other is not",
            id="rate-for-level",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: +10 %",
            f"6:36: budgets.rss.warning: '+10 %' is a change from a reference, and no level by itself{CHANGE}",
            id="change",
        ),
        pytest.param(
            "warning: 600 MB",
            f"warning: {MINUS}10 MB",
            f"6:36: budgets.rss.warning: '{MINUS}10 MB' is a change from a reference, and no level by itself{CHANGE}",
            id="pasted-minus",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: -5..5 MB",
            "6:36: budgets.rss.warning: '-5..5 MB' is not a quantity: "
            "a number and its unit, such as '10 ms', '+10 %' or '1000 /h'",
            id="change-range",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600..10 MB",
            "6:36: budgets.rss.warning: '600..10 MB' is an empty range\n  write the lower end first",
            id="empty-range",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: many",
            "6:36: budgets.rss.warning: 'many' is not a level\n"
            "  write a number and its unit, such as '600 MB', or a range, such as '10..1000 /h'",
            id="no-number",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600 MB, critical: 500 MB",
            "6:54: budgets.rss.critical: impossible thresholds: 'critical' is crossed before 'warning'\n"
            "  levels stand from mild to severe",
            id="impossible-order",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600 MB, critical: {limit: 0.5 GB}",
            "6:62: budgets.rss.critical.limit: impossible thresholds: 'critical' is crossed before 'warning'\n"
            "  levels stand from mild to severe",
            id="impossible-order-in-mapping",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600 MB, emergency: 900 MB",
            "6:44: budgets.rss.emergency: unknown key 'emergency'\n"
            "  keys: action, against, critical, phases, runbook, warning\n"
            "  any further level says its decision: {limit: ..., decision: hold or rollback}",
            id="level-without-decision",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600 MB, critcal: {limit: 900 MB}",
            "6:44: budgets.rss.critcal: unknown key 'critcal'\n"
            "  keys: action, against, critical, phases, runbook, warning\n"
            "  any further level says its decision: {limit: ..., decision: hold or rollback}\n"
            "  did you mean 'critical'?",
            id="level-misspelt",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: {limit: 600 MB, decision: roll_back, to: 5 %}",
            "6:62: budgets.rss.warning.decision: unknown word 'roll_back'\n"
            "  words: hold, rollback\n"
            "  did you mean 'rollback'?",
            id="decision",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: {limit: 600 MB, for: 90s}",
            "6:57: budgets.rss.warning.for: shorter than two samples of 'rss', which come every 1 min\n"
            "  write a longer time, or state the metric's 'step'",
            id="for-too-short",
        ),
        pytest.param(
            "warning: 600 MB",
            "warning: 600 MB, for: 5m",
            "6:44: budgets.rss.for: a duration belongs to a level\n  write it there: critical: {limit: ..., for: 5m}",
            id="for-at-a-budget",
        ),
        pytest.param(
            "query: rss",
            "query: rss, over: 24h",
            "3:65: metrics.rss.over: 'over' without 'as'\n  write both: over: 24h, as: max",
            id="over-without-as",
        ),
        pytest.param(
            "query: rss",
            "query: rss, over: 24h, as: median",
            "3:80: metrics.rss.as: 'median' is nothing that a window has\n"
            "  words: growth, last, max, mean, min, slope, or p99 and the like",
            id="summary",
        ),
        pytest.param(
            "query: rss",
            "ratio: {of: errors, over: requests}, query: rss",
            "3:90: metrics.rss.query: 'query' beside 'ratio' has no meaning\n  remove one of them",
            id="ratio-and-query",
        ),
        pytest.param(
            "query: rss",
            "query: {sql: rss}",
            "3:53: metrics.rss.query: no query of kind 'prometheus', which environment 'production' asks\n"
            "  it has: sql",
            id="kind-without-a-query",
        ),
        pytest.param(
            "query: rss",
            "query: rss, quantile: 1",
            "3:75: metrics.rss.quantile: 1 is no quantile\n  write a number between 0 and 1, such as 0.99",
            id="quantile",
        ),
        pytest.param(
            "query: rss",
            "query: rss, within: [0.9, 0.7]",
            "3:73: metrics.rss.within: not a lower and an upper end\n  write two numbers: [0.7, 0.9]",
            id="within-the-wrong-way-round",
        ),
        pytest.param(
            "query: rss",
            "query: rss, within: [0.7, 0.9]",
            "3:73: metrics.rss.within: the share of an interval is no number without a unit\n"
            "  write unit: '%', or unit: share",
            id="within-in-another-unit",
        ),
        pytest.param(
            "query: rss",
            "query: rss, within: [0.7, 0.9], quantile: 0.5",
            "3:65: metrics.rss.within: 'within' beside 'quantile' has no meaning\n  remove one of them\n"
            "rollout.yaml:3:73: metrics.rss.within: the share of an interval is no number without a unit\n"
            "  write unit: '%', or unit: share",
            id="within-and-quantile",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\nconfidence: 95",
            "2:13: confidence: 95 is no confidence of a bound\n  write a number between 0.5 and 1, such as 0.95",
            id="confidence",
        ),
        pytest.param(
            "rollout: demo",
            "rollout: demo\nconfidence: 95 %",
            "2:13: confidence: '95 %' is not a number\n  write a number between 0.5 and 1, such as 0.95",
            id="confidence-in-percent",
        ),
        pytest.param(
            "query: rss",
            "ratio: {of: a, over: b}, burst: 0.5",
            "3:85: metrics.rss.burst: 0.5 events together are none\n  write 1 for events that are independent, or more",
            id="burst",
        ),
        pytest.param(
            "budgets:\n  rss: {phases: [phase1], warning: 600 MB}",
            "budgets:\n  rate: {phases: [phase1], warning: 600 /h}",
            "6:37: budgets.rate.warning: one number, and metric 'rate' does not say which way is good\n"
            "  write a range, such as '0..600 /h', or 'better: lower' or 'better: higher' at the metric",
            id="no-direction",
        ),
        pytest.param(
            "phase1: {}",
            "Phase-1: {}\n  phase1: {}",
            "8:3: phases.Phase-1: 'Phase-1' cannot be a name here\n"
            "  names: lower-case letters, digits and '_', first a letter",
            id="phase-name",
        ),
        pytest.param(
            "phases:\n  phase1: {}",
            "phases: {}",
            "6:18: budgets.rss.phases[0]: unknown phase 'phase1'\n"
            "  phases: none\n"
            "rollout.yaml:7:9: phases: an empty mapping\n"
            "  wanted: phases by name, in their order",
            id="no-phase",
        ),
        pytest.param(
            "phase1: {}",
            "phase1: {budgets: {rss: {phases: [phase1], warning: 1 MB}}}",
            "8:28: phases.phase1.budgets.rss.phases: a phase's own budget holds in that phase alone\n  remove 'phases'",
            id="phases-in-phase",
        ),
        pytest.param(
            "environments:\n",
            "environments:\n  demo: {world: world.py, sources: {}}\n",
            "10:27: environments.demo.sources: an embedded world brings its own\n  keep either 'world' or this",
            id="world-and-sources",
        ),
        pytest.param(
            "environments:\n",
            'environments:\n  demo: {world: "${WORLD}"}\n',
            "10:17: environments.demo.world: environment variables are not filled in here\n  write the path itself",
            id="world-from-variable",
        ),
        pytest.param(
            "environments:\n",
            "environments:\n  empty: {}\n",
            "10:3: environments.empty: says nothing\n  write 'world: world.py', or 'sources:' of a real system",
            id="empty-environment",
        ),
        pytest.param(
            "kind: prometheus",
            "kind: promethius",
            "12:25: environments.production.sources.telemetry.kind: unknown word 'promethius'\n"
            "  words: memory, prometheus\n"
            "  did you mean 'prometheus'?",
            id="unknown-kind",
        ),
        pytest.param(
            "kind: prometheus, ",
            "",
            "12:7: environments.production.sources.telemetry: 'kind' is missing\n"
            "  kind: what it is: memory, prometheus",
            id="no-kind",
        ),
        pytest.param(
            ', url: "http://prometheus"',
            ", uri: s3cret",
            "12:7: environments.production.sources.telemetry: 'url' is missing\n"
            "  url: its address\n"
            "rollout.yaml:12:37: environments.production.sources.telemetry.uri: unknown key 'uri'\n"
            "  keys: bearer, headers, kind, url\n"
            "  did you mean 'url'?",
            id="options",
        ),
        pytest.param(
            'url: "http://prometheus"',
            "url: {a: b}",
            "12:42: environments.production.sources.telemetry.url: a text is wanted here, not a mapping\n"
            "  wanted: its address",
            id="option-kind",
        ),
        pytest.param(
            'url: "http://prometheus"',
            'url: "x", headers: {"${HEADER}": x}',
            "12:57: environments.production.sources.telemetry.headers.${HEADER}: "
            "variables and control characters cannot stand in a key",
            id="variable-in-key",
        ),
    ],
)
def test_what_is_refused_and_how_it_is_said(refusal, old, new, message):
    """Place, what was found, what would do, and the likely fix: exactly so."""
    assert SMALL.count(old) == 1

    assert refusal(SMALL.replace(old, new)) == f"rollout.yaml:{message}"


def test_the_table_starts_from_a_good_plan(load):
    assert load(SMALL).phases["phase1"].budgets["rss"].limit.levels[0].high == 600.0


_PLACES = {
    "plan": ("rollout: demo", "rollout: demo\n{}"),
    "metric": ("query: rss}", "query: rss, {}}}"),
    "budget": ("warning: 600 MB}", "warning: 600 MB, {}}}"),
    "level": ("warning: 600 MB", "warning: {{limit: 600 MB, {}}}"),
    "phase": ("phase1: {}", "phase1: {{{}}}"),
}


@pytest.mark.parametrize(("where", "key"), [(where, key) for where, keys in NOT_JUDGED_YET.items() for key in keys])
def test_a_key_that_is_not_judged_yet_is_refused(refusal, where, key):
    """Whatever stands below it: nothing is read and ignored."""
    old, new = _PLACES[where]

    message = refusal(SMALL.replace(old, new.format(f"{key}: {{limit: 5 MB, decision: hold}}")))

    assert f"{key}: {YET}\n  {NOT_JUDGED_YET[where][key]}" in message
    assert len(message.splitlines()) == 2


def test_all_problems_are_told_at_once_in_the_order_of_the_file(refusal):
    text = SMALL.replace("600 MB", "600").replace("rollout: demo", "rollout: Demo").replace("unit: 1/h", "unit: ops")
    text = text.replace("kind: prometheus", "kind: x").replace("phase1: {}", "phase1: {after: [phase0]}")

    message = refusal(text + "metrics: {}\n")

    starts = [line.split(" ")[:2] for line in message.splitlines() if not line.startswith(" ")]
    assert starts == [
        ["rollout.yaml:1:10:", "rollout:"],
        ["rollout.yaml:4:16:", "metrics.rate.unit:"],
        ["rollout.yaml:6:36:", "budgets.rss.warning:"],
        ["rollout.yaml:8:20:", "phases.phase1.after[0]:"],
        ["rollout.yaml:10:3:", "environments.production:"],
        ["rollout.yaml:12:25:", "environments.production.sources.telemetry.kind:"],
        ["rollout.yaml:13:1:", "metrics:"],
    ]


def test_a_broken_metric_does_not_make_its_budget_wrong_too(refusal):
    message = refusal(SMALL.replace("unit: MB", "unit: MiiB"))

    assert message.startswith("rollout.yaml:3:15: metrics.rss.unit: unknown unit 'MiiB'\n  units: ")
    assert "budgets" not in message


def test_every_environment_with_sources_must_have_them_all(refusal):
    message = refusal(SMALL + "  staging:\n    sources: {other: {kind: prometheus, url: x}}\n  demo: {world: w.py}\n")

    assert message == (
        "rollout.yaml:3:42: metrics.rss.source: unknown source 'telemetry'\n"
        "  sources of environment 'staging': other\n"
        "rollout.yaml:4:29: metrics.rate.source: unknown source 'telemetry'\n"
        "  sources of environment 'staging': other"
    )


def test_no_value_below_environments_is_in_a_message(refusal):
    """Tokens stand there, and messages stand in build logs."""
    secret = "hunter2"
    text = SMALL.replace('"http://prometheus"', f'"{secret}\\n", bearer: [{secret}], headers: "{secret}\\e"')

    assert secret not in refusal(text + f"    target: [{secret}]\n    flags: {{kind: file, path: {{a: {secret}}}}}\n")
