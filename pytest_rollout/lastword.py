"""The last word: the exit code is set here, after everything else, and `verdict.json` is written.

Other plugins may set a status at session end, in an unconfigure hook or by
raising `SystemExit`. This wrapper is registered when all of them already are,
so it is the outermost around pytest's main function and speaks last.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_rollout.discovery import find_plans

if TYPE_CHECKING:
    from pytest_rollout.rollout import Conclusion, Rollout
    from pytest_rollout.verdict import Pin

ROLLOUT: pytest.StashKey[Rollout] = pytest.StashKey()
"""Where a run keeps its `Rollout`; absent in a run without plans."""


PINNED: pytest.StashKey[Mapping[tuple[str, str], Pin]] = pytest.StashKey()
"""The ends of ledgers that an earlier receipt names, by rollout and environment."""
PLANS: pytest.StashKey[list[Path]] = pytest.StashKey()
"""The plans that a run has found; absent before it has looked."""


def plans_of(config: pytest.Config, arguments: Sequence[str]) -> list[Path]:
    """The plans that a run over these paths concerns."""
    start = config.invocation_params.dir
    return find_plans(arguments, start=start, root=config.rootpath, skip=_never_entered(config))


def _never_entered(config: pytest.Config) -> list[str]:
    """Folders that pytest passes over, as the project's own file says; a rollout that an `-o` hides is missed."""
    overridden = any(str(each).startswith("norecursedirs") for each in config.known_args_namespace.override_ini or ())
    return [*(config._parser._inidict["norecursedirs"][2] if overridden else config.getini("norecursedirs"))]


def output_folder(config: pytest.Config) -> Path:
    """The folder for `verdict.json`, from the folder in which pytest was started."""
    return config.invocation_params.dir / (getattr(config.known_args_namespace, "rollout_out", "") or ".rollout")


class LastWord:
    """Wraps pytest's main function; see the module."""

    @staticmethod
    def clear(folder: Path) -> Mapping[tuple[str, str], Pin]:
        """Remove an earlier run's receipt.

        Returns:
            The ends of the ledgers that it names: who has lost one should hear of it.

        Raises:
            pytest.UsageError: It is there and cannot be removed, so it could be taken for this run's.
        """
        receipt = folder / "verdict.json"
        pinned = _pinned(receipt) if receipt.is_file() else {}
        try:
            receipt.unlink(missing_ok=True)
        except NotADirectoryError:
            return {}
        except OSError as error:
            if not os.path.lexists(receipt):
                return {}  # a read-only disk says no before it looks whether there is anything to remove
            raise pytest.UsageError(f"an earlier verdict cannot be removed: {receipt}: {error}") from error
        return pinned

    def __init__(self) -> None:
        self._process = os.getpid()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, int | None, int | None]:
        """Let pytest run, whatever it does, and then decide; in an xdist worker there is nothing to decide."""
        if hasattr(config, "workerinput"):  # not there yet when this plugin was loaded
            return (yield)
        try:
            status = _carried(int((yield) or 0))
        except pytest.UsageError:
            if (rollout := config.stash.get(ROLLOUT, None)) and os.getpid() == self._process:
                rollout.stop()
            raise
        except BaseException as error:
            status = _status_of(error)
            if ROLLOUT not in config.stash:
                raise
        if os.getpid() != self._process:  # a gate forked, and the child ran on: the run is its parent's to judge
            return int(pytest.ExitCode.INTERNAL_ERROR)
        rollout = config.stash.get(ROLLOUT, None)
        if rollout is None or config.option.help:  # pytest reads no argument behind --help
            return _unopened(config, status)
        return _decide(config, rollout, status)


def _pinned(receipt: Path) -> Mapping[tuple[str, str], Pin]:
    from pytest_rollout.verification import pins_of

    return pins_of(receipt)


def _status_of(error: BaseException) -> int:
    """The status that an exception out of pytest's main stands for; never 0."""
    if isinstance(error, KeyboardInterrupt):
        return int(pytest.ExitCode.INTERRUPTED)
    code = error.code if isinstance(error, SystemExit) else None
    return _carried(code) if isinstance(code, int) and code not in {0, 1} else int(pytest.ExitCode.INTERNAL_ERROR)


def _carried(status: int) -> int:
    """A status that arrives as it is: a process has one byte for it, so 256 would be 0, and 10 and 20 are verdicts."""
    return status if 0 <= status < 256 and status not in {10, 20} else int(pytest.ExitCode.INTERNAL_ERROR)


def _unopened(config: pytest.Config, status: int) -> int:
    """A run that ended well before its rollouts were opened has judged nothing."""
    said = config.known_args_namespace
    looked = PLANS in config.stash and not config.option.help
    if status or looked or not said.markexpr or not plans_of(config, said.file_or_dir or ["."]):
        return status
    _say(config, "VERDICT  HOLD[missing]  pytest ended before any gate was collected · exit 1")
    return 1


def _decide(config: pytest.Config, rollout: Rollout, status: int) -> int:
    from pytest_rollout.reports.acted import outcome_lines
    from pytest_rollout.reports.terminal import last_line

    told: list[str] = []
    try:
        conclusion, unwritten, since = rollout.conclude(status), "", time.monotonic()
        if conclusion.judged:
            rollout.show_actions(conclusion)
            conclusion, unwritten = _left_behind(config, rollout, conclusion)
        line, code = last_line(conclusion, rollout), conclusion.exit_code
        if unwritten:
            line = f"{line.partition(' · exit ')[0]} · not all could be written: {unwritten} · exit {code}"
        if conclusion.judged:
            line = _with_actions(config, rollout, conclusion, since, line)
            told = [*outcome_lines(rollout.outcomes)]
            _tell(config, rollout, conclusion)
    except Exception as error:  # noqa: BLE001 - whatever breaks here, a release must not go out for it
        code = status if status not in {0, 1} else 1
        found = f"{type(error).__name__}: {_in_one_line(error)}"
        line = f"VERDICT  HOLD[error]  no verdict could be written: {found} · exit {code}"
    finally:
        rollout.stop()
    for each in (*told, line):
        if each:
            _say(config, each)
    return code


def _tell(config: pytest.Config, rollout: Rollout, conclusion: Conclusion) -> None:
    """Let others hear what was decided, and say what went wrong with them; none of it is heard by the exit code."""
    try:
        from pytest_rollout.telling import tell

        for complaint in tell(config.pluginmanager, rollout, conclusion, output_folder(config)):
            _say(config, complaint)
    except BaseException as error:  # noqa: BLE001 - the decision is made, and a report is no part of it
        _say(config, f"REPORT  not made: {type(error).__name__}: {'; '.join(str(error).splitlines())}")


def _with_actions(config: pytest.Config, rollout: Rollout, conclusion: Conclusion, since: float, line: str) -> str:
    """Do what the plans say, now that the verdict stands and has its receipt; the last line, with what failed.

    Nothing that goes wrong here changes the exit code, which is the verdict's.
    """
    from pytest_rollout.receipt import write_receipt
    from pytest_rollout.reports.acted import failures

    found = []
    try:
        if rollout.act(conclusion, since):
            write_receipt(output_folder(config), rollout.run_of(conclusion))
    except Exception as error:  # noqa: BLE001 - the verdict stands, whatever its actions break
        found.append(f"what was done could not be written: {type(error).__name__}: {_in_one_line(error)}")
    found = [each for each in (failures(rollout.outcomes), *found) if each]
    decided, separator, end = line.rpartition(" · exit ")
    return f"{decided} · {' · '.join(found)}{separator}{end}" if found and separator else line


def _in_one_line(error: Exception) -> str:
    """What went wrong as a part of the last line, which must stay one for whoever reads the end of a log."""
    return "; ".join(str(error).split("\n"))


def _left_behind(config: pytest.Config, rollout: Rollout, conclusion: Conclusion) -> tuple[Conclusion, str]:
    """Write what a run leaves: the receipt last, so that there is none where the evidence could not be written.

    A go that the ledger could not take is none, and the receipt says so. What
    takes a release back does so whatever could be written.

    Returns:
        How the run ends now, and what could not be written.
    """
    from pytest_rollout.decisions import ExitCode
    from pytest_rollout.errors import RolloutError
    from pytest_rollout.receipt import write_receipt

    folder, unwritten = output_folder(config), []

    def tried(write: Callable[[], object]) -> None:
        try:
            write()
        except OSError as error:
            if conclusion.exit_code != ExitCode.ROLLBACK:
                raise
            unwritten.append(_in_one_line(error))

    tried(lambda: rollout.write_evidence(folder))
    try:
        conclusion = rollout.remember(conclusion)
    except RolloutError as error:
        unwritten.append(_in_one_line(error))
        conclusion = conclusion.unrecorded(unwritten[-1])
    tried(lambda: write_receipt(folder, rollout.run_of(conclusion)))
    return conclusion, "; ".join(unwritten)


def _say(config: pytest.Config, line: str) -> None:
    """Print a line after pytest's own last one, where CI logs end; a screen that takes none changes no verdict."""
    from pytest_rollout.reports.table import folded

    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stream = reporter._tw._file if reporter else sys.stdout
    with suppress(OSError, ValueError):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        for each in folded(line, reporter._tw.fullwidth) if reporter and stream.isatty() else [line]:
            print(each.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
