"""The terminal: the verdict as a table, and what to read first at two in the morning.

Reads the run's verdict and prints; decides nothing. Legible without colour
and at 80 columns; quiet under `-q`, complete under `-v`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from pytest_rollout.book import Answer, PlannedGate
from pytest_rollout.claim_facts import ClaimFacts, Truth, describe, origin
from pytest_rollout.decisions import MEANING, Decision, Reason
from pytest_rollout.judgement import GateVerdict, judge_part
from pytest_rollout.reports.escape import no_command
from pytest_rollout.reports.gate_rows import ordered, rows, short_names
from pytest_rollout.reports.table import fitted, folded, plain
from pytest_rollout.reports.wording import headline
from pytest_rollout.reports.words import EMBEDDED, telling
from pytest_rollout.rollout import Conclusion, Rollout
from pytest_rollout.verdict import Because, RunVerdict, Verdict

COLOUR = {Decision.PROCEED: "green", Decision.HOLD: "yellow", Decision.ROLLBACK: "red"}
_WIDEST = 160
_COMMAND = re.compile(r"`rollout [^`]*`|^rollout .*")
"""What a reader copies; it stays in one line however narrow the screen is, because two lines are two commands."""
_TIED = "\0"
"""Stands for a blank at which no line ends; no text holds it, since `plain` takes it out."""


class Screen(Protocol):
    """What is used of pytest's terminal reporter."""

    @property
    def verbosity(self) -> int:
        """-1 under `-q`, 1 under `-v`."""
        ...

    def write_sep(self, sep: str, title: str, **markup: bool) -> None:
        """A line across the screen with a title."""
        ...

    def write_line(self, line: str, **markup: bool) -> None:
        """One line."""
        ...


def header(rollout: Rollout) -> list[str]:
    """The first line: which rollouts and phases, where, as of when."""
    if not rollout.asked:
        names = ", ".join(plan.rollout for plan in rollout.plans)
        return [f"rollout: {names} · no phase asked for with -m: gates only run, nothing is judged"]
    judged = ", ".join(f"{plan.rollout} {phase}" for plan, phase in rollout.pairs)
    idle = [plan.rollout for plan in rollout.plans if plan not in rollout.judged_plans]
    lines = [f"rollout: {judged} · {_where(rollout)} · {rollout.at:%Y-%m-%d %H:%M:%S} UTC"]
    if idle:
        lines.append(
            f"rollout: taking no part, their plans do not declare {', '.join(rollout.asked)}: {', '.join(idle)}"
        )
    return lines


def status_word(gate: PlannedGate, answer: Answer) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """HOLD and ROLLBACK as pytest's status words; None leaves pytest its own."""
    verdict = judge_part(gate, answer)
    if verdict.decision is Decision.PROCEED or answer.when == "teardown":
        return None
    word = verdict.decision.value
    return word.lower(), word[0], (f"{word}[{verdict.reason}]", {COLOUR[verdict.decision]: True})


def write_summary(screen: Screen, rollout: Rollout, width: int, status: int, *, at_screen: bool) -> None:
    """The verdict of the run: one table a phase, then every gate that is not good, with what to do.

    What is piped keeps the verdict in one line, for whoever cuts it out of a log; a screen gets as many as it takes.
    """
    conclusion = rollout.conclude(status)
    if not conclusion.judged and not rollout.answered:
        return
    verdict, width = conclusion.verdict, min(width, _WIDEST)
    screen.write_sep("=", "ROLLOUT", bold=True)
    if not conclusion.judged:
        _write_tried(screen, rollout, conclusion, width, at_screen=at_screen)
        return
    whole = verdict_line(conclusion, rollout)
    for row in folded(whole, width) if at_screen else [whole]:
        screen.write_line(row, **{COLOUR[verdict.decision]: True, "bold": True})
    for line in _traffic(conclusion, rollout):
        _write_wrapped(screen, line, width)
    broken = [because for because in verdict.reasons if because.code == Reason.ERROR]
    for because in broken:  # what else is wrong may well come of it
        _write_because(screen, because, width)
    for each in verdict.verdicts:
        _write_phase(screen, each, width)
    for because in verdict.reasons:
        if because not in broken:
            _write_because(screen, because, width)
    if not verdict.verdicts:
        _write_bad(screen, rollout.tried(), width)


def _traffic(conclusion: Conclusion, rollout: Rollout) -> Iterator[str]:
    """Where the traffic of each phase goes, where it goes anywhere; of a run that changes nothing, where it would."""
    live = rollout.settings.mode == "live" and not rollout.embedded
    for verdict in conclusion.verdict.verdicts:
        traffic = verdict.traffic
        to = traffic.back if verdict.decision is Decision.ROLLBACK else traffic.next
        going = verdict.decision is Decision.ROLLBACK or conclusion.verdict.decision is Decision.PROCEED
        if not going or to is None or to == traffic.current:
            continue
        since = f", from {traffic.current:g} %" if traffic.current is not None else ""
        word = "back" if verdict.decision is Decision.ROLLBACK else "on"
        yield f"{'take' if live else 'live, it would be: take'} {verdict.rollout} {word} to {to:g} % of traffic{since}"


def _write_tried(screen: Screen, rollout: Rollout, conclusion: Conclusion, width: int, *, at_screen: bool) -> None:
    """Gates that were only run: what is not good of each, and that nothing was judged."""
    line = last_line(conclusion, rollout)
    for each in folded(line, width) if at_screen else [line]:
        screen.write_line(each, bold=True)
    _write_bad(screen, rollout.tried(), width)


def _write_phase(screen: Screen, verdict: Verdict, width: int) -> None:
    if screen.verbosity >= 0:
        screen.write_line("")
        screen.write_line(f"{verdict.rollout} {verdict.phase}: {verdict.decision.value}", bold=True)
        lines = fitted(list(rows(verdict)), width - 2, whole=1, middle=(1,))
        colours = [None, *(_colour(gate) for gate in ordered(verdict.gates))]
        for line, colour in zip(lines, colours, strict=True):
            screen.write_line(f"  {no_command(line)}", **({colour: True} if colour else {}))
    _write_bad(screen, verdict.gates, width)
    if screen.verbosity > 0:
        for gate in ordered(gate for gate in verdict.gates if gate.decision is Decision.PROCEED):
            _write_gate(screen, gate, width)
    own = {(gate.reason, gate.gate.id) for gate in verdict.gates}
    for because in verdict.reasons:
        if (because.code, because.gate) not in own:
            _write_because(screen, because, width)


def _write_bad(screen: Screen, gates: Sequence[GateVerdict], width: int) -> None:
    """Every gate that is not good; those with one cause together."""
    names = short_names(gates)
    for alike in _alike(gate for gate in ordered(gates) if gate.decision is not Decision.PROCEED):
        if len(alike) > 1 and screen.verbosity <= 0:
            _write_alike(screen, alike, [names[gate.gate.id] for gate in alike], width)
        else:
            for gate in alike:
                _write_gate(screen, gate, width)


def _alike(gates: Iterable[GateVerdict]) -> list[list[GateVerdict]]:
    """Gates that hold for one and the same cause together: a source that is down is one trouble, not sixteen."""
    groups: dict[tuple[str, ...], list[GateVerdict]] = {}
    for gate in gates:
        groups.setdefault((gate.reason, *(_cause(gate) or [gate.gate.id])), []).append(gate)
    return list(groups.values())


def _cause(gate: GateVerdict) -> list[str]:
    """The lines that say why, where other gates may hold for the same; none where the cause is the gate's own."""
    if gate.reason in {Reason.MISSING, Reason.DESELECTED} and not gate.claims:
        return [gate.sentence]
    if gate.reason == Reason.ERROR and gate.message:
        return gate.message.partition("\nat ")[0].splitlines()
    claim = telling(gate)
    return [f"{claim.source}: {claim.why}", claim.needs] if claim and claim.why else []


def _write_alike(screen: Screen, gates: Sequence[GateVerdict], names: Sequence[str], width: int) -> None:
    colour = {COLOUR[gates[0].decision]: True}
    screen.write_line("")
    screen.write_line(f"{headline(gates[0])} {len(gates)} gates, one cause", bold=True, **colour)
    for line in (*_cause(gates[0]), ", ".join(names)):
        _write_wrapped(screen, line, width)
    runbooks = sorted({gate.gate.runbook for gate in gates if gate.gate.runbook})
    for runbook in runbooks[:3]:
        _write_wrapped(screen, f"runbook: {runbook}", width)
    owners = sorted({gate.gate.owner for gate in gates if gate.gate.owner})
    if owners:
        _write_wrapped(screen, f"owner: {', '.join(owners)}", width)


def _write_gate(screen: Screen, gate: GateVerdict, width: int) -> None:
    screen.write_line("")
    screen.write_line(f"{headline(gate)} {plain(gate.gate.id)}", bold=True, **{COLOUR[gate.decision]: True})
    verbose = screen.verbosity > 0
    claims = [claim for claim in gate.claims if verbose or claim.truth is not Truth.PROVEN]
    lines = [gate.gate.title, *(line for claim in claims for line in _told(claim, verbose=verbose))]
    if gate.message:
        lines = [gate.gate.title, *gate.message.splitlines()]
    elif not claims:
        lines.append(gate.sentence)
    lines.append(_shadow(gate))
    if gate.decision is not Decision.PROCEED:
        told = any(line.startswith("runbook: ") for line in lines)
        lines.append(f"runbook: {gate.gate.runbook}" if gate.gate.runbook and not told else "")
        lines.append(f"owner: {gate.gate.owner}" if gate.gate.owner else "")
    for line in dict.fromkeys(line for line in lines if line):
        _write_wrapped(screen, line, width)


def _shadow(gate: GateVerdict) -> str:
    if gate.gate.shadow_until is None:
        return ""
    over = ", which has passed, so it counts" if gate.counts else ""
    return f"in shadow until {gate.gate.shadow_until}{over}: {gate.gate.shadow_why}"


def _told(claim: ClaimFacts, *, verbose: bool) -> list[str]:
    """A claim's lines; the query, which tells little until it is whole, only where everything is told."""
    shown = origin(claim, whole_query=True) if verbose else origin(replace(claim, query=""))
    return [shown if line == origin(claim) else line for line in describe(claim) if line]


def _write_because(screen: Screen, because: Because, width: int) -> None:
    screen.write_line("")
    screen.write_line(f"HOLD[{because.code}] {plain(because.gate)}".rstrip(), yellow=True, bold=True)
    _write_wrapped(screen, because.sentence, width)


def _write_wrapped(screen: Screen, text: str, width: int) -> None:
    wrapper = textwrap.TextWrapper(
        width, initial_indent="  ", subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )
    in_one = _COMMAND.sub(lambda command: command[0].replace(" ", _TIED), _kept(text))
    for line in wrapper.wrap(in_one):
        screen.write_line(no_command(line.replace(_TIED, " ")))


def _kept(text: str) -> str:
    """Control characters out, runs of blanks kept: they set the parts of a claim apart."""
    return "   ".join(plain(part) for part in text.split("   "))


def _colour(gate: GateVerdict) -> str | None:
    return None if gate.decision is Decision.PROCEED else COLOUR[gate.decision]


def _where(rollout: Rollout) -> str:
    mode = rollout.settings.mode
    then = "" if mode == "live" else f" · {mode.upper()} {rollout.at:%Y-%m-%d %H:%M:%S} UTC"
    return f"environment {rollout.environment}" + (f" ({EMBEDDED})" if rollout.embedded else "") + then


def verdict_line(conclusion: Conclusion, rollout: Rollout) -> str:
    """Decision with its codes, every phase, environment and exit code in one line."""
    verdict = conclusion.verdict
    codes = _codes(verdict)
    judged = ", ".join(f"{each.rollout} {each.phase}" + _own(each, verdict) for each in verdict.verdicts) or "no phase"
    decision = verdict.decision.value + (f"[{', '.join(codes)}]" if codes else "")
    return f"VERDICT  {decision}  {judged} · {_where(rollout)} · exit {conclusion.exit_code}"


def _own(verdict: Verdict, run: RunVerdict) -> str:
    return f" {verdict.decision.value}" if len(run.verdicts) > 1 else ""


def _codes(verdict: RunVerdict) -> list[str]:
    """The reason codes of the decision itself, each once; those of milder gates stand in the table."""
    reasons = [*verdict.reasons, *(because for each in verdict.verdicts for because in each.reasons)]
    rollback = {
        gate.reason
        for each in verdict.verdicts
        for gate in each.gates
        if gate.decision is Decision.ROLLBACK and gate.counts
    }
    codes = [str(because.code) for because in reasons]
    if verdict.decision is Decision.ROLLBACK:
        codes = [code for code in codes if code in rollback]
    return list(dict.fromkeys(codes))


def last_line(conclusion: Conclusion, rollout: Rollout) -> str:
    """What stands last in a log: the verdict, or that there is none."""
    if conclusion.judged:
        return verdict_line(conclusion, rollout)
    if rollout.answered:
        return f"NO VERDICT  {MEANING[Reason.NO_PHASE]} · {_where(rollout)} · exit {conclusion.exit_code}"
    return ""
