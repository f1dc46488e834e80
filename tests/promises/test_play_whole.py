"""A play over virtual days: dual_memory from its first run to its last parameter, with every verdict asserted.

Each scene is a run of pytest in a process of its own, at the instant that a
plugin of this test gives it, against one ledger and one folder of signatures
that stay. The world obeys that ledger: a phase began when it says so, and is
at the percentage that an operator wrote down with `rollout percentage`.
Between the scenes a scheduler evaluates every hour: those entries are written
through the ledger's own API.

Why so few scenes suffice. A verdict depends on its instant, the rows, the
ledger and the signatures, and changes only where one of them crosses a
condition. So each phase is played on both sides of what it waits for: its
first run, a day on which the rows do not suffice yet or something breaks, the
day on which people alone are missing, and the go. A day between two scenes
differs from them by its count of days alone, which is what the scheduler's
entries are for. What rows say with and without a fault is the business of
test_oracle_experiments.py.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.decisions import Decision, Reason
from pytest_rollout.ledger import drafts
from pytest_rollout.ledger.entries import Kind
from pytest_rollout.ledger.ledger import open_ledger
from pytest_rollout.plan.load import load_plan
from pytest_rollout.signoff.documents import Approval, Statement, text_of
from pytest_rollout.signoff.keygen import sign
from pytest_rollout.signoff.signed import Signed, write_signed
from pytest_rollout.sources import BUILT_IN
from pytest_rollout.verdict import Because, Verdict

REPOSITORY = Path(__file__).parents[2]
CLOCK = """
import os
from datetime import datetime

import pytest_rollout.sources.document

AT = datetime.fromisoformat(os.environ["PLAY_AT"])
pytest_rollout.sources.document.utc_now = lambda: AT  # before sources take it: some answer for now only

import pytest_rollout.rollout
import pytest_rollout.setup

pytest_rollout.rollout.utc_now = pytest_rollout.setup.utc_now = lambda: AT
"""
WORLDS_CLOCK = """
import http.server
import os
from datetime import datetime
from email.utils import format_datetime

said = format_datetime(datetime.fromisoformat(os.environ["PLAY_AT"]), usegmt=True)
http.server.BaseHTTPRequestHandler.date_time_string = lambda self, timestamp=None: said
"""
"""The world is a process of its own, and its clock is compared with ours."""
PEOPLE = {"ada": "engineering", "grace": "product", "iris": "internal-team"}
ENVIRONMENT = "\nenvironments:\n  play: {world: world.py, ledger: ../../play.sqlite, approvals: ../../office}\n"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OPENING = datetime(2026, 9, 1, 8, tzinfo=UTC)
PATIENT = (Reason.HOLD_TIME, Reason.STREAK, Reason.APPROVAL)


def hourly_digest(moment):
    """That of the verdict which the scheduler's run left at this hour."""
    return hashlib.sha256(moment.isoformat().encode()).hexdigest()


class Play:
    """The stage: a copy of the rollout, its ledger, three people with keys, and the time."""

    def __init__(self, folder):
        self.folder, self.gates, self.at = folder, folder / "gates" / "dual_memory", OPENING
        shutil.copytree(REPOSITORY / "gates" / "dual_memory", self.gates, ignore=shutil.ignore_patterns("__pycache__"))
        plan = self.gates / "rollout.yaml"
        plan.write_text(plan.read_text("utf-8").replace("\nenvironments:\n", ENVIRONMENT), "utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "play_clock.py").write_text(CLOCK)
        (folder / "sitecustomize.py").write_text(WORLDS_CLOCK)
        self.office = folder / "office"
        self.office.mkdir()
        signers, approvers = [], ["approvers:"]
        for name, role in PEOPLE.items():
            key = self.office / f"key-of-{name}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=30)
            signers.append(f"{name}@example.com {key.with_suffix('.pub').read_text('utf-8')}")
            approvers.append(f"  {name}@example.com: {{roles: [{role}], git: [{name}]}}\n")
        (self.office / "allowed_signers").write_text("".join(signers))
        (self.office / "approvers.yaml").write_text("\n".join(approvers))
        locked = self.python("pytest_rollout.cli", "lock", "gates")
        assert locked.returncode == 0, locked.stdout + locked.stderr
        self.plan = load_plan(plan, kinds=BUILT_IN.sources, flag_kinds=BUILT_IN.flags)
        self.receipt = {}

    def python(self, module, *words):
        foreign = ("PYTEST_", "ROLLOUT_", "PYTHONDONTWRITE")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        clean |= {"PLAY_AT": self.at.isoformat(), "PYTHONPATH": str(self.folder)}
        command = [sys.executable, "-m", module, *words]
        return subprocess.run(
            command, cwd=self.folder, env=clean, capture_output=True, text=True, timeout=600, check=False
        )

    def scene(self, phase, *, exit_code, bad=(), at=None, fault=""):
        """A run now: its exit code, and exactly these gates that do not say PROCEED, with their reasons."""
        self.at = at or self.at
        words = ["gates", "-m", phase, "--rollout-env", "play", "-p", "play_clock", "-p", "no:cacheprovider"]
        words += ["--rollout-fault", fault] if fault else []
        done = self.python("pytest", *words, "-p", "no:hypothesispytest")
        assert done.returncode == exit_code, done.stdout + done.stderr
        self.receipt = json.loads((self.folder / ".rollout" / "verdict.json").read_text("utf-8"))
        (verdict,) = self.receipt["verdicts"]
        found = {
            gate["id"].rpartition("::")[2]: gate["reason"] for gate in verdict["gates"] if gate["decision"] != "PROCEED"
        }
        assert found == dict(bad), done.stdout
        assert self.receipt["evaluated_at"] == self.at.isoformat(timespec="seconds")
        assert self.receipt["exit_code"] == exit_code
        assert verdict["decision"] == {0: "PROCEED", 1: "HOLD", 10: "HOLD", 20: "ROLLBACK"}[exit_code]
        return verdict, " ".join(done.stdout.split())

    def hours_until(self, phase, until, *reasons):
        """A scheduler judges every hour, and the phase waits."""
        because = tuple(Because(reason, "as it was then") for reason in reasons)
        moment, written = self.at + HOUR / 2, []
        while moment < until:
            verdict = Verdict(
                rollout=self.plan.rollout,
                phase=phase,
                decision=Decision.HOLD,
                reasons=because,
                gates=(),
                plan_digest=self.plan.digest,
            )
            run = drafts.Run(run_id=f"hourly {moment}", mode="live", exit_code=10, embedded=True)
            written.append(drafts.evaluation(verdict, run, environment="play", at=moment))
            written.append(self._hourly_receipt(phase, moment))
            moment += HOUR
        with closing(open_ledger(str(self.folder / "play.sqlite"), self.folder)) as ledger:
            ledger.append_all(written, recorded_at=until)
        self.at = until

    def approves(self, phase, *names, stage="", verdict_of=None):
        """People sign, now, for what a verdict of the last hours said; the last scene's if nothing else is said."""
        receipt = (self.folder / ".rollout" / "verdict.json").read_bytes()
        digest = hourly_digest(verdict_of) if verdict_of else hashlib.sha256(receipt).hexdigest()
        for name in names or ("ada",):
            self._signs(
                name,
                Approval(
                    **self._about(phase, name),
                    stage=stage,
                    role=PEOPLE[name],
                    verdict_digest=digest,
                    plan_digest=self.plan.digest,
                    evaluated_at=verdict_of or datetime.fromisoformat(self.receipt["evaluated_at"]),
                    signed_at=self.at,
                    expires_at=self.at + 7 * DAY,
                ),
            )

    def states(self, phase, topic, says):
        """Ada says something that nobody measured, and signs it."""
        moment = {"made_at": self.at, "expires_at": self.at + 7 * DAY}
        self._signs("ada", Statement(**self._about(phase, "ada"), topic=topic, says=says, role="engineering", **moment))

    def serves(self, percentage, phase):
        """An operator sets the traffic, and writes it down."""
        about = ["--phase", phase, "--stage", "--rollout-env", "play", "--at", self.at.isoformat(), "--by", "ada"]
        done = self.python("pytest_rollout.cli", "percentage", "gates/dual_memory", percentage, *about)
        assert done.returncode == 0, done.stdout + done.stderr

    def _hourly_receipt(self, phase, moment):
        about = {"rollout": self.plan.rollout, "environment": "play", "phase": phase}
        return drafts.receipt(**about, at=moment, digest=hourly_digest(moment), by="scheduler")

    def _about(self, phase, name):
        environment = {"rollout": self.plan.rollout, "environment": "play"}
        return {**environment, "phase": phase, "principal": f"{name}@example.com"}

    def _signs(self, name, document):
        seal = sign(text_of(document), namespace=document.namespace, key=self.office / f"key-of-{name}")
        write_signed(self.office, Signed(document, seal))

    def entries(self, *kinds):
        with closing(open_ledger(str(self.folder / "play.sqlite"), self.folder, create=False)) as ledger:
            return ledger.entries(self.plan.rollout, "play", kinds=kinds)


@pytest.fixture
def play(tmp_path):
    """Day 0, and nothing has happened."""
    return Play(tmp_path)


@pytest.mark.long
def test_the_whole_rollout(play):
    """Two months and six phases: one fault, one recovery, and eight doors that open one after the other.

    Its runs took about 310 s of processor time on a machine that eight sessions shared, 120 s of that in the four
    that look at millions of rows; `-m "not long"` leaves it out.
    """
    before_deployment(play)
    shadow_mode(play)
    internal_testing(play)
    canary(play)
    gradual_rollout(play)
    tuning(play)

    evaluations = play.entries(Kind.EVALUATION)
    doors = [(each.phase, each.stage) for each in evaluations if each.body["decision"] == "PROCEED"]
    stages = [("phase4", f"{percent} %") for percent in (5, 25, 50, 100)]
    assert doors == [*((f"phase{number}", "") for number in range(4)), *stages, ("phase5", "")]
    assert [each.phase for each in evaluations if each.body["decision"] == "ROLLBACK"] == ["phase1"]
    assert play.python("pytest_rollout.cli", "ledger", "check", "play.sqlite").returncode == 0


def before_deployment(play):
    """Everything is measured, and people have not spoken."""
    unknown = {"after": "prerequisite", "incidents": "no-data"}  # the ledger begins with this run
    play.scene("phase1", exit_code=1, bad=WAITING | FIRST_DAY | unknown, at=OPENING)
    assert play.entries(Kind.PHASE_START) == ()
    play.scene("phase0", exit_code=10, bad=PEOPLE_MISSING, at=OPENING + HOUR / 4)
    play.states("phase0", "operators-trained", "trained and signed off")
    play.approves("phase0")
    play.scene("phase0", exit_code=10, bad={"statements": "approval"}, at=OPENING + HOUR / 3)
    play.states("phase0", "deployment-windows", "approved")
    play.scene("phase0", exit_code=0, at=OPENING + HOUR)


def shadow_mode(play):
    """Waits for everything that takes time, and breaks once."""
    began = OPENING + 2 * HOUR
    verdict, _ = play.scene("phase1", exit_code=10, bad=WAITING | FIRST_DAY, at=began)
    assert (verdict["current_percentage"], verdict["rollback_percentage"]) == (0, None)
    assert [each.at for each in play.entries(Kind.PHASE_START) if each.phase == "phase1"] == [began]

    # Day 3: two whole days are green.
    play.hours_until("phase1", began + 3 * DAY, *PATIENT)
    _, said = play.scene("phase1", exit_code=10, bad=WAITING)
    assert "green days in a row = 2" in said

    # Day 5: memory grows by a quarter. The release goes back, and the row is broken.
    play.hours_until("phase1", began + 5 * DAY, *PATIENT)
    fault = began + 5 * DAY
    verdict, _ = play.scene("phase1", exit_code=20, bad=WAITING | MEMORY, fault="memory_25")
    assert verdict["rollback_percentage"] == 0

    # An hour later it is well again, and the row begins anew.
    play.at = fault + HOUR
    _, said = play.scene("phase1", exit_code=10, bad=WAITING)
    assert "green days in a row = 0" in said
    assert f"at {fault:%Y-%m-%d %H:%M} UTC" in said

    # Day 13: seven green days since, and the minimum is not over.
    play.hours_until("phase1", began + 13 * DAY, *PATIENT)
    _, said = play.scene("phase1", exit_code=10, bad={"minimum": "hold-time", "approvals": "approval"})
    assert "green" not in {each["gate"] for each in play.receipt["verdicts"][0]["reasons"]}

    # The last day: only people are awaited; then they have spoken.
    play.hours_until("phase1", began + 14 * DAY + HOUR, Reason.HOLD_TIME, Reason.APPROVAL)
    play.scene("phase1", exit_code=10, bad={"approvals": "approval"})
    play.at += HOUR / 4
    play.approves("phase1")
    play.scene("phase1", exit_code=0, at=play.at + HOUR / 12)


def internal_testing(play):
    """Three spaces; the first rows of the experiment are of this phase's first hour and not of any before."""
    began = play.at + HOUR
    play.scene("phase2", exit_code=10, bad=WAITING | PEOPLE_MISSING | BEGINS | REPLAYS | FIRST_DAY, at=began)
    play.hours_until("phase2", began + 15 * DAY, *PATIENT)
    play.scene("phase2", exit_code=10, bad=PEOPLE_MISSING)
    play.at += HOUR / 4
    play.states("phase2", "survey", "neutral or better")
    play.approves("phase2", "iris", "grace")
    play.scene("phase2", exit_code=0, at=play.at + HOUR / 12)


def canary(play):
    """Days that still gather information neither count nor break: 20 days for 14 green ones."""
    began = play.at + HOUR
    play.at = began - HOUR / 2
    play.serves("1 %", "phase3")
    waits = WAITING | PEOPLE_MISSING
    verdict, _ = play.scene("phase3", exit_code=10, bad=waits | BEGINS | ERRORS | GROUPS | FIRST_DAY, at=began)
    assert verdict["current_percentage"] == 1
    play.hours_until("phase3", began + DAY, Reason.INFORMATION, *PATIENT)
    _, said = play.scene("phase3", exit_code=10, bad=waits | INFORMATION)
    assert "green days in a row = 0" in said

    play.hours_until("phase3", began + 6 * DAY, Reason.INFORMATION, *PATIENT)
    play.hours_until("phase3", began + 21 * DAY, *PATIENT)
    # They sign what the last hour said, so that these millions of rows are looked at once.
    play.states("phase3", "feedback", "no regression")
    play.approves("phase3", "ada", "grace", verdict_of=play.at - HOUR / 2)
    play.scene("phase3", exit_code=0, at=play.at + HOUR / 12)


def gradual_rollout(play):
    """Four stages, each held and each signed for on the ground of the hour before; who forgets the traffic is held."""
    began = play.at + HOUR
    forgotten = {"stage": "failed", "hold": "no-data", "green": "streak"}  # still at the canary's 1 %
    play.scene("phase4", exit_code=1, bad=forgotten | PEOPLE_MISSING | BEGINS | ERRORS | FIRST_DAY, at=began)
    play.at += HOUR / 4
    play.serves("5 %", "phase4")
    # A stage is held for 48 hours; that errors are as rare takes some more.
    play.hours_until("phase4", play.at + 56 * HOUR, Reason.INFORMATION, Reason.HOLD_TIME, Reason.APPROVAL)
    for percentage, following, hours in ((5, 25, 0), (25, 50, 49), (50, 100, 73)):
        if hours:
            play.hours_until("phase4", play.at + hours * HOUR, Reason.HOLD_TIME, Reason.APPROVAL)
        play.approves("phase4", stage=f"{percentage} %", verdict_of=play.at - HOUR / 2)
        verdict, _ = play.scene("phase4", exit_code=0, at=play.at + HOUR / 12)
        assert (verdict["current_percentage"], verdict["next_percentage"]) == (percentage, following)
        play.at += HOUR / 4
        play.serves(f"{following} %", "phase4")

    # A week of green days at 100 %, less the holdback: its first day, which nobody could call green yet, and its last.
    play.hours_until("phase4", play.at + 8 * DAY, *PATIENT)
    play.states("phase4", "support-tickets", "not rising")
    play.approves("phase4", "ada", "grace", stage="100 %", verdict_of=play.at - HOUR / 2)
    play.scene("phase4", exit_code=0, at=play.at + HOUR / 12)


def tuning(play):
    """Four weights, and one of them is proven better."""
    began = play.at + HOUR
    weights = {f"test_no_weight_is_slower[{arm}]": "information" for arm in ("w020", "w025", "w030")}
    unknown = {"sample_ratio": "information", "test_one_weight_wins": "information"} | weights | FIRST_DAY
    play.scene("phase5", exit_code=10, bad={"minimum": "hold-time", "approvals": "approval"} | unknown, at=began)
    play.hours_until("phase5", began + 2 * DAY + HOUR, Reason.INFORMATION, Reason.HOLD_TIME, Reason.APPROVAL)
    play.scene("phase5", exit_code=10, bad={"approvals": "approval"})
    play.at += HOUR / 4
    play.approves("phase5")
    _, said = play.scene("phase5", exit_code=0, at=play.at + HOUR / 12)
    assert "w025 wins" in said  # at the width of a pipe, without -v


WAITING = {"minimum": "hold-time", "green": "streak", "approvals": "approval"}
PEOPLE_MISSING = {"approvals": "approval", "statements": "approval"}
MEMORY = {"memory_rss_bytes": "critical"}
FIRST_DAY = {"memory_rss_bytes": "information", "cpu": "information"}
"""No whole day has passed that a baseline could be compared with."""
BEGINS = dict.fromkeys(
    (
        *(
            f"query_{each}{day}"
            for each in ("latency.p50", "latency.p99", "confidence.mean")
            for day in ("", ".last_day")
        ),
        "query_results.mean",
        "sample_ratio",
    ),
    "information",
)
"""What is compared with the control group says nothing in the run with which a phase begins."""
INFORMATION = {"query_errors.rate": "information"}
"""After a day at 1 % rare errors are not known yet; the tail just is, as are the median and the number of results."""
REPLAYS = {"test_known_answers_are_found_as_well": "information"}
GROUPS = {"test_both_groups_have_a_thousand_queries": "information"}
ERRORS = {"query_errors.rate": "information", "query_errors.rate.last_day": "information"}
