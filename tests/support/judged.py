"""Judged: how a run of a rollout ended, as its receipt says and as it was printed."""

from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.receipts import validate


@dataclass(frozen=True)
class Judged:
    """A run's exit code, receipt and words."""

    exit_code: int
    receipt: dict[str, Any]
    said: str

    @classmethod
    def of(cls, done: subprocess.CompletedProcess[str], out: Path) -> Judged:
        """A process that ended, with the receipt that it left in a folder."""
        said, file = done.stdout + done.stderr, out / "verdict.json"
        assert file.is_file(), said
        receipt = json.loads(file.read_text("utf-8"))
        validate(receipt)
        assert receipt["exit_code"] == done.returncode, said
        return cls(done.returncode, receipt, said)

    @property
    def verdict(self) -> dict[str, Any]:
        """The one verdict."""
        (verdict,) = self.receipt["verdicts"]
        return verdict

    @property
    def codes(self) -> set[str]:
        """The reason codes of the run and of its verdict."""
        return {reason["code"] for reason in [*self.receipt["reasons"], *self.verdict["reasons"]]}

    @property
    def gates(self) -> dict[str, tuple[str, str | None]]:
        """Decision and reason of each gate."""
        return {gate["id"]: (gate["decision"], gate["reason"]) for gate in self.verdict["gates"]}

    @property
    def bad(self) -> dict[str, str]:
        """The reason of each gate that counts and is against the release, by the last part of its name."""
        counting = [gate for gate in self.verdict["gates"] if gate["counts"]]
        return {_short(gate["id"]): gate["reason"] for gate in counting if gate["decision"] != "PROCEED"}

    @property
    def asking_telemetry(self) -> set[str]:
        """The gates that count and that ask the world's telemetry, by the last part of their names."""
        counting = {gate["id"] for gate in self.verdict["gates"] if gate["counts"]}
        asked = {gate: {claim["source"] for claim in claims} for gate, claims in self.claims.items()}
        return {_short(gate) for gate, sources in asked.items() if gate in counting and "telemetry" in sources}

    @property
    def claims(self) -> dict[str, list[dict[str, Any]]]:
        """The claims of each gate."""
        return {gate["id"]: gate["claims"] for gate in self.verdict["gates"]}

    @property
    def numbers(self) -> dict[tuple[str, str], float]:
        """The number behind each claim that has one."""
        return {
            (gate, claim["text"]): claim["value"]
            for gate, claims in self.claims.items()
            for claim in claims
            if isinstance(claim["value"], float | int) and math.isfinite(claim["value"])
        }


def _short(gate: str) -> str:
    return gate.rpartition("::")[2]
