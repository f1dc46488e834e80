"""Blended recall as an experiment: the queries of phases 2 to 5, what each phase shows, and their faults."""

from dataclasses import replace

from pytest_rollout.world import Effect, Events, Fault, Phase, Series

SALT = "dual_memory_canary"
LABELS = {"control": "pure_episodic", "treatment": "blended"}
SPACES = ["dogfood-team", "internal-qa-01", "internal-qa-02"]
# Three other weights, formation every 30 minutes, and a coherence threshold of 0.80.
SETTINGS = {"control": "w015", "w020": "w020", "w025": "w025", "w030": "w030", "f30": "f30", "c080": "c080"}

INTERNAL = Events(
    per_hour=300,
    named=SPACES,
    flatness=1e6,
    by_row=True,
    salt=SALT,
    labels=LABELS,
    shares={"control": 50, "treatment": 50},
    replays=2400,
)
# Of these numbers the hash puts 485 among the one per cent. Of those from 1 on it would be 531, and then nobody could
# tell a fifth of them that is not logged from chance.
FIRST_SPACE = 1_000_001
HOLDBACK = 1
CANARY = Events(per_hour=15_000, units=50_000, first=FIRST_SPACE, salt=SALT, labels=LABELS, holdback=HOLDBACK)
BEST = {"w025": Effect(confidence=0.02)}
TUNING = Events(
    per_hour=15_000,
    units=50_000,
    first=FIRST_SPACE,
    salt=SALT,
    labels=SETTINGS,
    shares=dict.fromkeys(SETTINGS, 5.0),
    effects=BEST,
)
EVENTS = {"phase2": INTERNAL, "phase3": CANARY, "phase4": CANARY, "phase5": TUNING}


def config(weight: float, candidates: int, timeout_ms: int, spaces: list[str]) -> dict[str, object]:
    """The configuration of recall, by its path in the state."""
    return {
        "config.semantic_weight": weight,
        "config.max_candidates": candidates,
        "config.timeout_ms": timeout_ms,
        "config.blended_spaces": spaces,
    }


def flags(weight: float, percentage: float = 0) -> dict[str, object]:
    """The flags of a phase in which blended recall is on."""
    return {
        "dual_memory.blended_recall": True,
        "dual_memory.canary_percentage": percentage,
        "dual_memory.semantic_weight": weight,
    }


CANARY_FLAG = "dual_memory.canary_percentage"


PHASES = {
    "phase2": Phase(flags=flags(0.10), state=config(0.10, 50, 100, SPACES)),
    "phase3": Phase(flags=flags(0.15), state=config(0.15, 100, 50, []), percentage=CANARY_FLAG),
    "phase4": Phase(flags=flags(0.15), state=config(0.15, 100, 50, []), percentage=CANARY_FLAG),
    "phase5": Phase(flags=flags(0.15, 100), state=config(0.15, 100, 50, [])),
    "drill": Phase(flags=flags(0.15, 50), state=config(0.15, 100, 50, [])),
}

SERIES = [
    Series(metric="blended_timeouts_per_hour", unit="1/h", base=0),
    Series(metric="blended_errors_per_hour", unit="1/h", base=0),
    Series(metric="incidents_sev1_sev2", base=0),
    Series(metric="incidents_sev1", base=0),
    Series(metric="critical_quality_reports", base=0),
    Series(metric="recall_complaints", base=0),
    Series(metric="outside_changes", base=0),
    Series(metric="support_tickets_per_day", base=40, noise=4, lasting=600),
    Series(metric="concepts_total", base=48_200, growth=0.02, noise=20, lasting=60),
]


def treated(about: str, effect: Effect, *phases: str) -> Fault:
    """A fault of the treatment in some phases."""
    return Fault(about=about, events={phase: replace(EVENTS[phase], effects={"treatment": effect}) for phase in phases})


ALL = ("phase2", "phase3", "phase4")
BIG = ("phase3", "phase4")
FAULTS = {
    "latency_8": treated("P99 of blended recall is 8 ms higher", Effect(slower_ms=8), *ALL),
    "latency_15": treated("P99 of blended recall is 15 ms higher", Effect(slower_ms=15), *ALL),
    "latency_25": treated("P99 of blended recall is 25 ms higher", Effect(slower_ms=25), *ALL),
    "latency_25_late": treated(
        "P99 of blended recall is 25 ms higher since a day", Effect(slower_ms=25, last_hours=24), "phase3"
    ),
    "confidence_drop_12": treated("blended answers are 0.12 less confident", Effect(confidence=-0.12), *ALL),
    "confidence_drop_08": treated("blended answers are 0.08 less confident", Effect(confidence=-0.08), "phase4"),
    "confidence_drop_04": treated("blended answers are 0.04 less confident", Effect(confidence=-0.04), *ALL),
    "errors_0_5pp": treated("blended recall fails in 0.5 % more of the cases", Effect(failing=0.005), *BIG),
    "hangs_0_3pp": treated("0.3 % of blended recalls never end, and say no error", Effect(timing_out=0.003), *BIG),
    "timeouts_3": Fault(about="3 blended recalls an hour time out", series={"blended_timeouts_per_hour": 3}),
    "timeouts_30": Fault(about="30 blended recalls an hour time out", series={"blended_timeouts_per_hour": 30}),
    "blended_errors_150": Fault(about="150 blended recalls an hour fail", series={"blended_errors_per_hour": 150}),
    "leaks_outside": Fault(about="answers of other spaces changed", series={"outside_changes": 12}),
    "truth_worse": Fault(
        about="3 points fewer of the known answers are found",
        events={"phase2": replace(INTERNAL, replays_worse=0.03)},
    ),
    "srm": Fault(
        about="a fifth of the treated spaces is not logged",
        events={phase: replace(CANARY, unlogged=0.2) for phase in BIG},
    ),
    "reassigned": Fault(
        about="spaces change their group as the percentage grows", events={"phase4": replace(CANARY, reassigned=True)}
    ),
    "contaminated": Fault(
        about="1 % of the spaces is in both groups", events={phase: replace(CANARY, in_both=0.01) for phase in BIG}
    ),
    "wrong_percentage": Fault(about="12 % of the spaces are served at the stage of 5 %", state={"served": 12.0}),
    "winner_025": Fault(about="the weight 0.25 answers best, as without a fault", events={"phase5": TUNING}),
    "no_winner": Fault(about="no weight answers better", events={"phase5": replace(TUNING, effects={})}),
    "formation_30_better": Fault(
        about="forming concepts every 30 minutes gives better answers",
        events={"phase5": replace(TUNING, effects={**BEST, "f30": Effect(confidence=0.02)})},
    ),
    "coherence_080_better": Fault(
        about="a coherence threshold of 0.80 gives better answers",
        events={"phase5": replace(TUNING, effects={**BEST, "c080": Effect(confidence=0.02)})},
    ),
    "short_suite": Fault(
        about="the suite with known answers has 1900 questions", events={"phase2": replace(INTERNAL, replays=1900)}
    ),
    "quality_report": Fault(
        about="a report calls the quality of recall critical", series={"critical_quality_reports": 1}
    ),
    "sev1_incident": Fault(about="an incident of SEV1 is open", series={"incidents_sev1_sev2": 1, "incidents_sev1": 1}),
    "sev2_incident": Fault(about="an incident of SEV2 is open", series={"incidents_sev1_sev2": 1}),
    "complaints_6": Fault(about="six users complained about recall", series={"recall_complaints": 6}),
}
