"""The embedded world of the retrieval service, whose settings are environment variables in a file."""

import enrichment_evidence as evidence
import enrichment_telemetry as telemetry

from pytest_rollout.world import Call, Fault, Reply, World

API = "/api/query"

STATE = {
    "down": False,
    "served": None,  # in %, where it is not what the settings say
    "capacity": 1000,  # connections, above which queries fail
    "queries": 120_000,
    "models": evidence.MODELS,
    "sources": ["artifact 12", "artifact 87"],
}

# Safe defaults: all off, 0 %.
SETTINGS = {
    "ENABLE_MULTI_HOP": False,
    "ENABLE_REASONING": False,
    "MAX_HOPS": 0,
    "ENRICHMENT_ROLLOUT_PERCENTAGE": 0,
}


def part_of(answer):
    """A route of the service, which is down as a whole or not at all."""

    def answered(call: Call) -> object:
        return Reply({"error": "service unavailable"}, status=503) if call.state["down"] else answer(call)

    return answered


def percentage(call: Call) -> float:
    """How much is to be enriched, as the settings say it now."""
    return call.flags["ENRICHMENT_ROLLOUT_PERCENTAGE"] if call.flags["ENABLE_MULTI_HOP"] else 0


def config(call: Call) -> dict[str, object]:
    """What the service believes of its settings."""
    multi_hop = call.flags["ENABLE_MULTI_HOP"]
    return {"at": call.at.isoformat(), "multi_hop_enabled": multi_hop, "rollout_percentage": percentage(call)}


def metrics(call: Call) -> dict[str, object]:
    """How many queries were answered since the last change of the percentage, and how many of them enriched."""
    served = percentage(call) if call.state["served"] is None else call.state["served"]
    queries = call.state["queries"]
    return {"at": call.at.isoformat(), "queries": queries, "enriched": round(queries * served / 100)}


def enhanced(call: Call) -> object:
    """One query; above its capacity the service answers none."""
    if call.connections > call.state["capacity"]:
        return Reply({"error": "no worker is free"}, status=503)
    hops = call.flags["MAX_HOPS"] if call.flags["ENABLE_MULTI_HOP"] else 0
    return {"answer": f"An answer to: {call.body['query']}", "sources": call.state["sources"], "hops": hops}


def compared(call: Call) -> dict[str, object]:
    """The same query plain and enriched."""
    return {"query": call.body["query"], "plain": {"score": 0.62}, "enriched": {"score": 0.72}}


FAULTS = {
    "wrong_percentage": Fault(
        about="25 % of the queries are enriched, whatever the settings say", state={"served": 25.0}
    ),
    "service_down": Fault(
        about="the service answers 503 to everything", state={"down": True}, series={"service_up": 0}
    ),
}

world = World(
    name="enrichment",
    state=STATE,
    flags=SETTINGS,
    flags_file="flags.env",
    series=telemetry.SERIES,
    baselines=telemetry.BASELINES,
    events=telemetry.EVENTS,
    phases=telemetry.PHASES,
    files=evidence.FILES,
    sources={"models": {"kind": "http_json", "url": "{url}/ollama"}},
    faults={**evidence.FAULTS, **telemetry.FAULTS, **FAULTS},
    routes={
        "GET /health": part_of(lambda call: {"status": "healthy", "at": call.at.isoformat()}),
        f"GET {API}/enrichment/config": part_of(config),
        f"POST {API}/enrichment/test": part_of(compared),
        f"POST {API}/enhanced": part_of(enhanced),
        "GET /api/metrics": part_of(metrics),
        "GET /ollama/api/tags": lambda call: {"models": [{"name": f"{name}:latest"} for name in call.state["models"]]},
    },
)
