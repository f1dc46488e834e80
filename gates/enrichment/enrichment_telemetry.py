"""The telemetry of the retrieval service, the requests of its two arms, and the faults that change them."""

from dataclasses import replace

from pytest_rollout.world import Before, Effect, Events, Fault, Phase, Series

P95_MS, P99_MS = 1900.0, 2600.0

GAUGES = [
    Series(metric="latency_p95_ms", unit="ms", base=P95_MS, daily=30, noise=20, lasting=30),
    Series(metric="latency_p99_ms", unit="ms", base=P99_MS, daily=40, noise=30, lasting=30),
    Series(metric="retrieval_p95_ms", unit="ms", base=310, daily=10, noise=10, lasting=30),
    Series(metric="generation_p95_ms", unit="ms", base=1450, daily=20, noise=20, lasting=30),
    Series(metric="enrichment_score", base=0.72, daily=0.005, noise=0.01, lasting=30),
    Series(metric="service_up", base=1),
    Series(metric="cpu_percent", unit="%", base=45, daily=5, noise=3, lasting=10),
    Series(metric="memory_percent", unit="%", base=58, daily=2, noise=1, lasting=60),
    Series(metric="disk_free_percent", unit="%", base=42, noise=0.5, lasting=600),
    Series(metric="chunks_lost", base=0),
    Series(metric="incidents_p0", base=0),
    Series(metric="complaints", base=0),
]
COUNTERS = [
    Series(metric="queries_total", base=60_000, noise=1500, lasting=30, counter=True, resets=(60, 200)),
    Series(metric="query_errors_total", base=120, noise=10, lasting=30, counter=True, resets=(60, 200)),
]
SERIES = [*GAUGES, *COUNTERS]

BASELINES = {
    "latency_p95_rise": Before("latency_p95_ms"),
    "latency_p99_rise": Before("latency_p99_ms"),
}

# Enriched answers are scored 0.10 higher and take a little longer. P95 of a plain one is 1860 ms, P99 2510 ms.
ENRICHED = Effect(slower_ms=90, confidence=0.10)
REQUESTS = Events(
    per_hour=2000,
    units=8000,
    unit_column="user_id",
    salt="enrichment",
    labels={"control": "plain", "treatment": "enriched"},
    median_ms=900,
    unit_spread=0.10,
    row_spread=0.43,
    confidence=0.62,
    failing=0.002,
    effects={"treatment": ENRICHED},
)
COMPARED = ("phase2", "phase3")
EVENTS = dict.fromkeys(COMPARED, REQUESTS)

PERCENTAGE = "ENRICHMENT_ROLLOUT_PERCENTAGE"
ON = {"ENABLE_MULTI_HOP": True, "ENABLE_REASONING": True, "MAX_HOPS": 1}
PHASES = {
    "phase2": Phase(flags=ON, percentage=PERCENTAGE),
    "phase3": Phase(flags=ON, percentage=PERCENTAGE),
    "phase4": Phase(flags=ON, percentage=PERCENTAGE),
    "phase5": Phase(flags={**ON, "MAX_HOPS": 2}, percentage=PERCENTAGE),
    "drill": Phase(flags={**ON, PERCENTAGE: 50}),
}


def answers(effect: Effect) -> dict[str, Events]:
    """Other answers of the enriched arm, where arms are compared."""
    return dict.fromkeys(COMPARED, replace(REQUESTS, effects={"treatment": effect}))


def failing(about: str, share: float) -> Fault:
    """So many queries fail, since six hours."""
    return Fault(about=about, series={"query_errors_total": 60_000 * share})


def slower(about: str, factor: float) -> Fault:
    """P95 is higher by a factor, in the telemetry of two days and in the enriched arm."""
    return Fault(
        about=about,
        series={"latency_p95_ms": P95_MS * factor, "latency_p99_ms": P99_MS + P95_MS * (factor - 1)},
        hours=48,
        events=answers(replace(ENRICHED, slower_ms=1860 * (factor - 1))),
    )


def scored(about: str, score: float) -> Fault:
    """Enriched answers are scored so, in the telemetry and in their arm."""
    return Fault(
        about=about,
        series={"enrichment_score": score},
        events=answers(replace(ENRICHED, confidence=score - REQUESTS.confidence)),
    )


FAULTS = {
    "errors_1_5": failing("1.5 % of the queries fail", 0.015),
    "errors_3": failing("3 % of the queries fail", 0.03),
    "errors_6": failing("6 % of the queries fail", 0.06),
    "p95_20": slower("P95 is 20 % higher", 1.2),
    "p95_50": slower("P95 is 50 % higher", 1.5),
    "p95_3700": Fault(about="P95 of all queries is 3.7 s", series={"latency_p95_ms": 3700, "latency_p99_ms": 4600}),
    "p95_4500": Fault(about="P95 of all queries is 4.5 s", series={"latency_p95_ms": 4500, "latency_p99_ms": 4900}),
    "p99_7500": Fault(about="P99 of all queries is 7.5 s", series={"latency_p99_ms": 7500}),
    "score_045": scored("enriched answers are scored 0.45", 0.45),
    "score_025": scored("enriched answers are scored 0.25", 0.25),
    "disk_nearly_full": Fault(about="4 % of the disk is free", series={"disk_free_percent": 4}),
    "cpu_97": Fault(about="the processors are 97 % busy", series={"cpu_percent": 97}),
    "chunk_lost": Fault(about="a chunk is lost", series={"chunks_lost": 1}),
    "breach": Fault(about="a P0 incident is open: a breach", series={"incidents_p0": 1}),
    "complaints_2": Fault(about="two users complained", series={"complaints": 2}),
}
