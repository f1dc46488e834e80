"""The last word: the exit code is set here, after everything else, and `verdict.json` is written.

Other plugins may set a status at session end, in an unconfigure hook or by
raising `SystemExit`. This wrapper is registered when all of them already are,
so it is the outermost around pytest's main function and speaks last.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_rollout.rollout import Rollout

ROLLOUT: pytest.StashKey[Rollout] = pytest.StashKey()
"""Where a run keeps its `Rollout`; absent in a run without plans."""


def output_folder(config: pytest.Config) -> Path:
    """The folder for `verdict.json`, from the folder in which pytest was started."""
    return config.invocation_params.dir / (getattr(config.known_args_namespace, "rollout_out", "") or ".rollout")


class LastWord:
    """Wraps pytest's main function; see the module."""

    @staticmethod
    def clear(folder: Path) -> None:
        """Remove an earlier run's receipt.

        Raises:
            pytest.UsageError: It is there and cannot be removed, so it could be taken for this run's.
        """
        try:
            (folder / "verdict.json").unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise pytest.UsageError(
                f"an earlier verdict cannot be removed: {folder / 'verdict.json'}: {error}"
            ) from error

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, int | None, int | None]:
        """Let pytest run, whatever it does, and then decide."""
        try:
            status = int((yield) or 0)
        except pytest.UsageError:
            raise
        except BaseException as error:
            status = _status_of(error)
            if ROLLOUT not in config.stash:
                raise
        rollout = config.stash.get(ROLLOUT, None)
        if rollout is None:
            return status
        return _decide(config, rollout, status)


def _status_of(error: BaseException) -> int:
    """The status that an exception out of pytest's main stands for; never 0."""
    if isinstance(error, KeyboardInterrupt):
        return int(pytest.ExitCode.INTERRUPTED)
    code = error.code if isinstance(error, SystemExit) else None
    return code if isinstance(code, int) and code not in {0, 1} else int(pytest.ExitCode.INTERNAL_ERROR)


def _decide(config: pytest.Config, rollout: Rollout, status: int) -> int:
    from pytest_rollout.receipt import write_receipt
    from pytest_rollout.reports.terminal import last_line

    try:
        conclusion = rollout.conclude(status)
        if conclusion.judged:
            write_receipt(output_folder(config), rollout.run_of(conclusion))
        line, code = last_line(conclusion, rollout), conclusion.exit_code
    except Exception as error:  # noqa: BLE001 - whatever breaks here, a release must not go out for it
        code = status if status not in {0, 1} else 1
        line = f"VERDICT  HOLD[error]  no verdict could be written: {type(error).__name__}: {error} · exit {code}"
    finally:
        rollout.stop()
    if line:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        stream = reporter._tw._file if reporter else sys.stdout
        print(line, file=stream, flush=True)  # after pytest's own last line, where CI logs end
    return code
