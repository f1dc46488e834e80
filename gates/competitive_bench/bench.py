"""Bench: the campaign as programs: one run, each stage of the campaign, and its report.

    python bench.py run scenarios/neo4j_traversal_100k.toml reduced --out result.json
    python bench.py stage suite --out folder
    python bench.py report --results folder --out folder

A run ends with 0, with 3 when memory does not suffice, with 4 when its
scenario is refused, and with 130 or 143 when SIGINT or SIGTERM asked for it;
a result is there as a whole or not at all.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from bench_scenarios import FOLDER, read

from pytest_rollout.campaign.suite import Interrupted, ends_on_signals
from pytest_rollout.errors import PlanError, RolloutError

OUT_OF_MEMORY, REFUSED = 3, 4


def main(words: list[str] | None = None) -> int:
    """Do what the words say; the exit status is as the module says."""
    options = parser().parse_args(words)
    try:
        with ends_on_signals():
            return options.do(options)
    except Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        return interrupted.status
    except MemoryError:
        print("out of memory", file=sys.stderr)
        return OUT_OF_MEMORY
    except (PlanError, RolloutError) as error:
        print(error, file=sys.stderr)
        return REFUSED


def parser() -> argparse.ArgumentParser:
    """The words of this program."""
    found = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    commands = found.add_subparsers(required=True)
    run = commands.add_parser("run", help="one round of one scenario")
    run.add_argument("scenario", type=Path)
    run.add_argument("size", choices=["full", "reduced"])
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--ready", type=Path, help="a file that is made after the first operation")
    run.add_argument("--inject", default="", help="what goes wrong, to try the gates with")
    run.set_defaults(do=one_run)
    stage = commands.add_parser("stage", help="one stage of the campaign")
    stage.add_argument("name", choices=["preflight", "determinism", "trials", "suite", "report"])
    stage.add_argument("--out", type=Path, required=True)
    stage.add_argument("--size", choices=["full", "reduced"], default="reduced")
    stage.add_argument("--results", type=Path, help="a folder with results of now and of earlier quarters")
    stage.add_argument("--scenarios", type=Path, default=FOLDER)
    stage.add_argument("--at", type=datetime.fromisoformat, default=datetime.now(UTC))
    stage.add_argument("--inject", default="")
    stage.add_argument("--with-parent", action="store_true", help="end when the program that started it does")
    stage.set_defaults(do=one_stage)
    recorded = commands.add_parser("recorded", help="results as the embedded world has them, to look at")
    recorded.add_argument("--out", type=Path, required=True)
    recorded.add_argument("--at", type=datetime.fromisoformat, default=datetime.now(UTC))
    recorded.add_argument("--slower", default="", help="a scenario that has become 30 %% slower")
    recorded.set_defaults(do=recorded_results)
    report = commands.add_parser("report", help="what the results say")
    report.add_argument("--results", type=Path, required=True)
    report.add_argument("--scenarios", type=Path, default=FOLDER)
    report.add_argument("--out", type=Path, required=True)
    report.set_defaults(do=one_report)
    return found


def one_run(options: argparse.Namespace) -> int:
    """A round of a scenario in this process."""
    scenario = read(options.scenario)
    from bench_run import run

    run(scenario, options.size, options.out, ready=options.ready, inject=options.inject)
    return 0


def one_stage(options: argparse.Namespace) -> int:
    """A stage, each of whose programs is a process of its own; this one stays small, since no peak is below its own."""
    from bench_stages import run_stage

    if options.with_parent:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    run_stage(options)
    return 0


def _end_with(parent: int) -> None:
    """Ask for our own end, as a person would, once the parent is another: the running program ends with us."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGTERM)


def recorded_results(options: argparse.Namespace) -> int:
    """Results that nobody measured, of now and of three quarters before."""
    from bench_recorded import Results

    Results(factors={options.slower: 1.3} if options.slower else {}).write(options.out, options.at)
    return 0


def one_report(options: argparse.Namespace) -> int:
    """The report, to the terminal and into a folder."""
    from bench_report import write_report

    print(write_report(options.results, options.scenarios, options.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
