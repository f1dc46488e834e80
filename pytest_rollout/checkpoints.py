"""Checkpoints: the command that writes one up.

rollout checkpoint FOLDER PHASE --rollout-env NAME   the evidence of a checkpoint, as JSON
"""

from __future__ import annotations

import argparse
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_rollout.arguments import named
from pytest_rollout.errors import UsageError
from pytest_rollout.quantities import parse_duration
from pytest_rollout.subject import checked_phase, plan_of

if TYPE_CHECKING:
    from pytest_rollout.arguments import Commands


def add_checkpoints(commands: Commands) -> None:
    """The parser of this command."""
    parser = commands.add_parser(
        "checkpoint", help="what a checkpoint that the plan names recommends, with its evidence, as JSON"
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the rollout's folder")
    parser.add_argument("phase", type=named, metavar="PHASE", help="the phase that ends with it")
    parser.add_argument("--rollout-env", required=True, type=named, metavar="NAME", help="where it was judged")
    receipt = Path(".rollout/verdict.json")
    parser.add_argument("--receipt", type=Path, default=receipt, metavar="FILE", help=f"the run's receipt ({receipt})")
    parser.add_argument("--max-age", type=named, default="1h", help="how old the receipt may be, such as 15m (1h)")
    parser.set_defaults(run=_checkpoint)


def _checkpoint(options: argparse.Namespace) -> int:
    from pytest_rollout.checkpoint import checkpoint
    from pytest_rollout.clock import utc_now
    from pytest_rollout.verification import NOT_A_RECEIPT, Wanted, examine, why_not

    plan = plan_of(options.folder)
    checked_phase(plan, options.phase)
    age: timedelta = parse_duration(options.max_age)
    wanted = Wanted(rollout=plan.rollout, phase=options.phase, environment=options.rollout_env, max_age=age)
    try:
        document, objections = examine(options.receipt.read_bytes(), wanted, now=utc_now())
        if objections:
            raise UsageError("\n  ".join([f"no checkpoint from {options.receipt}:", *objections]))
        found = checkpoint(document, plan, options.phase)
    except OSError as error:
        raise UsageError(f"no receipt, no checkpoint: {options.receipt}: {error.strerror}") from None
    except NOT_A_RECEIPT as error:
        raise UsageError(f"{options.receipt} is not a receipt: {why_not(error)}") from None
    print(json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False))
    return 0
