"""The telemetry of the graph memory: healthy series, and the faults that change them."""

from pytest_rollout.world import Before, Fault, Series

MB = 1_000_000

GAUGES = [
    Series(metric="memory_rss_bytes", unit="B", base=500 * MB, daily=3 * MB, noise=4 * MB, lasting=60),
    Series(metric="cpu_percent", unit="%", base=40, daily=4, noise=1.5, lasting=5),
    Series(metric="concepts_formed_per_hour", unit="1/h", base=300, daily=50, noise=20, lasting=60),
    Series(metric="episodes_stored_per_hour", unit="1/h", base=12_000, daily=2000, noise=500, lasting=30),
    Series(metric="formation_errors_per_hour", unit="1/h", base=0),
    Series(metric="concept_formation_p99_ms", unit="ms", base=62, daily=6, noise=10, lasting=20),
    Series(metric="consolidation_cycle_seconds", unit="s", base=40, daily=1, noise=2, lasting=60),
    Series(metric="recall_latency_p50_ms", unit="ms", base=5, daily=0.4, noise=0.4),
    Series(metric="recall_confidence_mean", base=0.75, daily=0.004, noise=0.008, lasting=30),
    Series(metric="result_count_mean", base=10, daily=0.1, noise=0.2, lasting=30),
    # Concepts are formed for four minutes of each hour; recall is as fast then as between.
    Series(metric="formation_active", base=1, every=60, for_minutes=4),
    Series(metric="recall_latency_p99_ms", unit="ms", base=45, between=45, every=60, for_minutes=4, daily=2, noise=3),
]
COUNTERS = [
    Series(metric="formation_cycles_total", base=1, every=60, counter=True),
    Series(metric="process_crashes_total", base=0, every=60, counter=True),
    Series(metric="user_visible_failures_total", base=0, every=60, counter=True),
    # The process was restarted by a deployment, and its own counters began anew.
    Series(metric="recalls_total", base=15_000, noise=500, lasting=30, counter=True, resets=(2.5, 100)),
    Series(metric="recall_errors_total", base=0.75, counter=True, resets=(2.5, 100)),
    Series(metric="requests_total", base=60_000, noise=2000, lasting=30, counter=True),
    Series(metric="requests_unanswered_total", base=18, noise=2, lasting=30, counter=True),
]
# A finished soak test of a day, and what the product's own database says.
SOAK = [Series(metric="soak_memory_rss_bytes", table="soak", unit="B", base=500 * MB, noise=4 * MB, lasting=60)]
STORE = [Series(metric="storage_bytes", table="store", unit="B", base=40e9, growth=0.05, noise=0.02e9, lasting=60)]

SERIES = [*GAUGES, *COUNTERS, *SOAK, *STORE]

BASELINES = {
    "memory_rss_bytes": Before("memory_rss_bytes", 1 / MB),
    "cpu": Before("cpu_percent"),
    "result_count": Before("result_count_mean"),
}

FAULTS = {
    "soak_leak": Fault(
        about="memory grows by 1.5 % an hour in the soak test", drifts={"soak_memory_rss_bytes": 1.5}, hours=24
    ),
    "memory_12": Fault(
        about="memory is 12 % above its baseline for two days", series={"memory_rss_bytes": 560 * MB}, hours=48
    ),
    "memory_25": Fault(about="memory is 25 % above its baseline", series={"memory_rss_bytes": 625 * MB}),
    "memory_spike": Fault(
        about="memory is 25 % above its baseline for four minutes", series={"memory_rss_bytes": 625 * MB}, minutes=4
    ),
    "memory_spiked": Fault(
        about="memory was 25 % above its baseline for four minutes, half an hour ago",
        series={"memory_rss_bytes": 625 * MB},
        minutes=4,
        ends_minutes_ago=30,
    ),
    "cpu_7": Fault(about="CPU is 7 % above its baseline for two days", series={"cpu_percent": 42.8}, hours=48),
    "cpu_12": Fault(about="CPU is 12 % above its baseline for two days", series={"cpu_percent": 44.8}, hours=48),
    "results_30": Fault(
        about="a recall has 30 % fewer results than before for two days", series={"result_count_mean": 7}, hours=48
    ),
    "over_formation_2000": Fault(about="2000 concepts an hour are formed", series={"concepts_formed_per_hour": 2000}),
    "over_formation_6000": Fault(about="6000 concepts an hour are formed", series={"concepts_formed_per_hour": 6000}),
    "formation_errors_20": Fault(about="20 formation errors an hour", series={"formation_errors_per_hour": 20}),
    "formation_errors_150": Fault(about="150 formation errors an hour", series={"formation_errors_per_hour": 150}),
    "formation_slow_200": Fault(about="forming takes 200 ms at P99", series={"concept_formation_p99_ms": 200}),
    "formation_slow_600": Fault(about="forming takes 600 ms at P99", series={"concept_formation_p99_ms": 600}),
    "consolidation_slow": Fault(about="consolidation takes 60 % longer", series={"consolidation_cycle_seconds": 64}),
    "missed_cycle": Fault(about="the last formation cycle did not run", series={"formation_cycles_total": 0}, hours=1),
    "formation_hurts_latency": Fault(
        about="P99 is 6 ms higher while concepts are formed", series={"recall_latency_p99_ms": 51}, hours=48
    ),
    "user_visible_failure": Fault(
        about="users saw formation fail, three times", series={"user_visible_failures_total": 3}, hours=1
    ),
    "crash": Fault(about="the process crashed within the last hour", series={"process_crashes_total": 1}, hours=1),
    "errors_1pc": Fault(about="one recall in 100 fails", series={"recall_errors_total": 150}),
    "unavailable": Fault(about="one request in 100 is not answered", series={"requests_unanswered_total": 600}),
    "storage_runaway": Fault(about="storage grows by 0.5 % an hour", drifts={"storage_bytes": 0.5}, hours=168),
}
