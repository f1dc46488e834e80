"""The log of the relationship engine: runs for an event, nightly consolidation, what the language model costs."""

from dataclasses import dataclass, replace

from pytest_rollout.world import Log

PATTERN = (
    r"(?P<at>\S+) (?P<level>[A-Z]+) job=(?P<job>\w+)(?: kind=(?P<kind>\w+))?(?: result=(?P<result>\w+))?"
    r"(?: confidence=(?P<confidence>[\d.]+))?(?: processing_time=(?P<processing_time>[\d.]+))?"
    r"(?: pruned=(?P<pruned>\d+) pruned_percent=(?P<pruned_percent>[\d.]+))?(?: cost=(?P<cost>[\d.]+))?.*"
)
DAY_MINUTES = 24 * 60
STRATEGIES = ("pattern", "semantic_llm", "embedding_similarity", "temporal", "graph_topology")
SHARES = {"role_at": 12, "founded": 9, "worked_at": 6, "partner_of": 3}
"""How many edges of each kind are found in a day."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What is in the log, and what is wrong with it."""

    shadow: bool = False
    incremental: float = 2.4
    slowest: float = 4.1
    nightly: float = 41.0
    nightly_fails: bool = False
    nights_missing: bool = False
    pruned: int = 9
    pruned_percent: float = 1.9
    cost: float = 0.13  # dollars, each hour
    confidence: float = 0.81
    found: float = 1.0  # of what is found in a day
    crashed: bool = False
    errors: bool = False
    llm_fails: bool = False
    survived: int = len(STRATEGIES) + 1


def log(written: Written) -> Log:
    """The three files of a log."""
    entries = {
        f"INFO job=incremental result=ok processing_time={written.incremental} event={{n}}": 48,
        f"INFO job=incremental result=ok processing_time={written.slowest} event={{n}}": 240,
        f"INFO job=llm result=ok cost={written.cost} calls=12": 60,
    }
    if not written.nights_missing:
        level, result = ("ERROR", "failed") if written.nightly_fails else ("INFO", "ok")
        pruned = f"pruned={written.pruned} pruned_percent={written.pruned_percent}"
        entries[f"{level} job=nightly result={result} processing_time={written.nightly} {pruned} n={{n}}"] = DAY_MINUTES
    if written.shadow:
        for kind, count in SHARES.items():
            line = f"INFO job=would_be_edge kind={kind} result=logged confidence={written.confidence} event={{n}}"
            entries[line] = DAY_MINUTES / (count * written.found)
    for off in (*STRATEGIES, "llm")[: written.survived]:
        entries[f"INFO job=drill kind={off} result=ok edges=7"] = 7 * DAY_MINUTES
    for off in (*STRATEGIES, "llm")[written.survived :]:
        entries[f"WARNING job=drill kind={off} result=stopped edges=0"] = 7 * DAY_MINUTES
    if written.crashed:
        entries["CRITICAL job=engine result=crashed signal=11"] = DAY_MINUTES
    if written.errors:
        entries["ERROR job=incremental result=failed event={n}"] = 300
    if written.llm_fails:
        entries["WARNING job=llm result=failed status=503"] = 10
    return Log(file="engine.log", pattern=PATTERN, entries=entries, hours=8 * 24)


HEALTHY = {
    "phase0": Written(),
    "phase1": Written(shadow=True, pruned=0, pruned_percent=0.0),
    "phase2": Written(),
    "phase3": Written(),
    "phase4": Written(),
    "drill": Written(),
}


def logs(*phases: str, **changed: object) -> dict[str, Log]:
    """The log of some phases with something otherwise."""
    return {phase: log(replace(HEALTHY[phase], **changed)) for phase in phases}
