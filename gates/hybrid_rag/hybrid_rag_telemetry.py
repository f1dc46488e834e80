"""The telemetry of hybrid retrieval, a value a minute, and what goes wrong in it."""

from pytest_rollout.world import Fault, Series

SERIES = [
    Series(metric="error_percent", unit="%", base=0.03, noise=0.02),
    Series(metric="latency_p95_ms", unit="ms", base=150, daily=8, noise=20),
    Series(metric="latency_p99_ms", unit="ms", base=320, daily=15, noise=40),
    Series(metric="cache_hit_percent", unit="%", base=80, daily=2, noise=5, lasting=20),
    Series(metric="precision_at_10", base=0.78, noise=0.03, lasting=30),
    Series(metric="recall_at_10", base=0.67, noise=0.03, lasting=30),
    Series(metric="health_checks_passed", base=5),
    Series(metric="memory_rss_bytes", unit="B", base=800e6, noise=6e6, lasting=60),
    Series(metric="cost_dollars_a_day", unit="$/day", base=3.3, noise=0.2, lasting=60),
]

FAULTS = {
    "errors_03": Fault(about="0.3 % of the requests fail", series={"error_percent": 0.3}),
    "errors_07": Fault(about="0.7 % of the requests fail", series={"error_percent": 0.7}),
    "errors_12": Fault(about="1.2 % of the requests fail", series={"error_percent": 1.2}),
    "spike_4min": Fault(
        about="1.2 % of the requests have failed for four minutes", series={"error_percent": 1.2}, minutes=4
    ),
    "spike_6min": Fault(
        about="1.2 % of the requests have failed for six minutes", series={"error_percent": 1.2}, minutes=6
    ),
    "latency_250": Fault(about="P95 is 250 ms", series={"latency_p95_ms": 250}),
    "latency_350": Fault(about="P95 is 350 ms", series={"latency_p95_ms": 350}),
    "latency_550": Fault(about="P95 is 550 ms", series={"latency_p95_ms": 550}),
    "latency_p99_1200": Fault(about="P99 is 1200 ms", series={"latency_p99_ms": 1200}),
    "cache_collapse": Fault(about="one lookup in five hits the cache", series={"cache_hit_percent": 20}),
    "cache_cold": Fault(about="four lookups in ten hit the cache", series={"cache_hit_percent": 40}),
    "precision_drop": Fault(about="precision@10 is 45 %", series={"precision_at_10": 0.45}),
    "precision_low": Fault(about="precision@10 is 60 %", series={"precision_at_10": 0.60}),
    "recall_low": Fault(about="recall@10 is 50 %", series={"recall_at_10": 0.50}),
    "health_4_of_5": Fault(
        about="one of the five health checks has failed, three times", series={"health_checks_passed": 4}, minutes=3
    ),
    "health_down": Fault(
        about="health checks have failed five times in a row", series={"health_checks_passed": 2}, minutes=5
    ),
    "memory_leak": Fault(about="memory grows by 3 % an hour", drifts={"memory_rss_bytes": 3}, hours=24),
    "cost_rise": Fault(about="a month costs $160", series={"cost_dollars_a_day": 160 / 30}, hours=72),
}
