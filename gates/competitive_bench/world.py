"""The embedded world of the campaign: its stages run for real at reduced size, beside results recorded at full size."""

from dataclasses import replace

from bench_recorded import Results, Stage, Timings

from pytest_rollout.world import Fault, Phase, World

RESULTS, TIMINGS = Results(), Timings()
PREFLIGHT, DETERMINISM, TRIALS, SUITE, REPORT = (
    Stage(name=name) for name in ("preflight", "determinism", "trials", "suite", "report")
)
SLOW = "neo4j_traversal_100k"


def stages(inject: str) -> dict[str, Stage]:
    """The same fault wherever runs are made."""
    runs = {"determinism": DETERMINISM, "trials": TRIALS, "suite": SUITE}
    return {name: replace(stage, inject=inject) for name, stage in runs.items()}


FAULTS = {
    "malformed_scenario": Fault(
        about="a scenario file has a key that nobody knows",
        files={"preflight": replace(PREFLIGHT, broken=SLOW)},
    ),
    "slow_preflight": Fault(about="the preflight takes 11 s", files={"preflight": replace(PREFLIGHT, inject="slow")}),
    "host_busy": Fault(about="the host has more to do than the campaign allows", flags={"host.most_load": -1}),
    "host_small": Fault(
        about="a scenario needs more memory than the host has free",
        files={"preflight": replace(PREFLIGHT, inject="huge")},
    ),
    "nondeterministic_seed": Fault(about="runs are seeded by the clock", files=stages("seed")),
    "p99_spread": Fault(about="P99 of three runs is 5 % apart", files={"timings": replace(TIMINGS, spread=0.05)}),
    "throughput_spread": Fault(
        about="throughput of three runs is 3 % off", files={"timings": replace(TIMINGS, throughput_spread=0.03)}
    ),
    "leak": Fault(about="each operation keeps a megabyte", files=stages("leak")),
    "wrong_mix": Fault(about="5 of 100 operations are of another kind", files=stages("mix")),
    "orphan": Fault(about="a run leaves a process behind", files=stages("orphan")),
    "half_written": Fault(about="results are written in place", files={"trials": replace(TRIALS, inject="in_place")}),
    "killed_run": Fault(about="a scenario's run is killed, each time", files=stages("killed")),
    "killed_once": Fault(about="a scenario's run is killed once", files=stages("killed_once")),
    "slow_scenario": Fault(
        about="a scenario exceeds its time limit, and traversal has become 30 % slower",
        files={
            "suite": replace(SUITE, inject="slow"),
            "results": replace(RESULTS, factors={SLOW: 1.3}),
        },
    ),
    "little_slower": Fault(
        about="hybrid has become 5 % slower",
        files={"results": replace(RESULTS, factors={"hybrid_production_100k": 1.05})},
    ),
    "target_missed": Fault(
        about="vector search takes 21 ms", files={"results": replace(RESULTS, factors={"qdrant_ann_1m_768d": 1.141})}
    ),
    "outlier": Fault(
        about="a round takes half as long again", files={"results": replace(RESULTS, outlier="hybrid_production_100k")}
    ),
    "long_campaign": Fault(
        about="the suite took twice as long as planned", files={"results": replace(RESULTS, longer=2.0)}
    ),
    "corrupt_result": Fault(
        about="a result ends in the middle",
        files={"suite": replace(SUITE, inject="corrupt"), "results": replace(RESULTS, cut=True)},
    ),
    "missing_baseline": Fault(
        about="there are no results of an earlier quarter", files={"results": replace(RESULTS, quarters=())}
    ),
}

world = World(
    name="competitive_bench",
    # The campaign's settings: how much else the host may do. The demo judges no time of it, so nearly anything.
    flags={"host": {"most_load": 1000}},
    files={
        "preflight": PREFLIGHT,
        "determinism": DETERMINISM,
        "timings": TIMINGS,
        "trials": TRIALS,
        "suite": SUITE,
        "results": RESULTS,
        "report": REPORT,  # after the results, which it reads
    },
    phases={
        "phase0": Phase(files=["preflight"]),
        "phase1": Phase(files=["determinism", "timings"]),
        "phase2": Phase(files=["trials"]),
        "phase3": Phase(files=["suite"]),
        "phase4": Phase(files=["results", "report"]),
    },
    faults=FAULTS,
)
