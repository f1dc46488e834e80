"""Most promises are kept in forks (see `support.warm`): here each way to end, and what a run can see, is compared."""

from __future__ import annotations

import re
import subprocess

import pytest

ENDS = {
    "proceed": "    assert metrics('errors') == 0",
    "hold": "    assert metrics('errors') == 1",
    "error": "    raise RuntimeError('out of order')",
    "exit-0": "    os._exit(0)",
    "exit-7": "    os._exit(7)",
    "sys-exit": "    sys.exit(0)",
    "killed": "    os.kill(os.getpid(), signal.SIGKILL)",
    "crash": "    ctypes.string_at(0)",
    "ctrl-c": "    os.kill(os.getpid(), signal.SIGINT)",
    "at-exit": "    atexit.register(print, 'the last words')\n    assert metrics('errors') == 0",
    "at-exit-7": "    atexit.register(os._exit, 7)\n    assert metrics('errors') == 0",
    "thread": "    threading.Timer(3, print, ['a late word']).start()\n    assert metrics('errors') == 0",
    "forked": "    os.fork() or os._exit(0)\n    os.wait()\n    assert metrics('errors') == 0",
    "warning": "    warnings.warn('soon gone')\n    assert metrics('errors') == 0",
    "bad-words": "    sys.__stderr__.write('\\udcff')\n    assert metrics('errors') == 0",
}
SEEN = """
def test_gate(metrics):
    assert metrics("errors") == 0
    for seen in (
        sys.argv, sys.path, sys.flags, sys.executable, sys.prefix, sys.dont_write_bytecode, sys.warnoptions,
        os.getcwd(), sorted(os.environ.items()), os.getpgrp(), os.umask(0o22), signal.getsignal(signal.SIGINT),
        sys.__stdin__.read(), sys.__stdout__.encoding, sys.__stdout__.errors, sys.__stderr__.encoding,
        sys.__stderr__.errors, [each.isatty() for each in (sys.__stdin__, sys.__stdout__, sys.__stderr__)],
        sys.__stdout__.seekable(), sys.__stdout__.line_buffering, sys.modules["__main__"].__spec__.name,
        sys.modules["__main__"].__file__, threading.enumerate(), sys.getrecursionlimit(), tempfile.gettempdir(),
        [type(each).__name__ if not isinstance(each, type) else each.__name__ for each in sys.meta_path],
        sorted(os.readlink(f"/proc/self/fd/{n}") for n in range(3, 64) if os.path.exists(f"/proc/self/fd/{n}")),
    ):
        print(str(seen))
"""
CHANGES = re.compile(
    r"\d\d:\d\d:\d\d|\b[\d.]+s\b|<Thread\w*\(.*?\)>|(?<=started) \d+|0x[0-9a-f]+|(?<=pid=)\d+|"
    r"(?:pipe|socket):\[\d+\]|\b[0-9a-f]{32}\b"
)
"""What differs between any two runs."""
HEAD = """
import atexit, ctypes, os, signal, sys, tempfile, threading, warnings
import pytest
pytestmark = pytest.mark.phase1
"""


@pytest.fixture
def both(project):
    """Run the same in a fork and in a new interpreter: exit code, and all that was printed but for times."""

    def run(*words: str, **more: object) -> list[tuple[int, str]]:
        ended = []
        for anew in (False, True):
            project._anew = anew
            result = project.run(*words, **more)
            said = CHANGES.sub("…", result.text)
            decided = result.verdict and (result.verdict["decision"], sorted(result.codes))
            ended.append((result.ret, decided, re.sub(r"=+", "=", said)))
        return ended

    return run


@pytest.mark.parametrize("end", ENDS)
def test_a_fork_ends_as_a_new_interpreter(project, both, end):
    """By whatever way."""
    project.gate(f"def test_gate(metrics):\n{ENDS[end]}\n", head=HEAD)

    fork, new = both("-p", "no:faulthandler")

    assert fork == new


def test_a_fork_sees_what_a_new_interpreter_sees(project, both):
    """Arguments, paths, variables, streams and open files; nothing of the server or of the run before."""
    project.gate(SEEN, head=HEAD)

    fork, new = both("-s", env={"SHOP": "open"})

    assert "('SHOP', 'open')" in new[2]
    assert fork[2].splitlines() == new[2].splitlines()


WORKERS_ENDS = {
    "proceed": "    assert metrics('errors') == 0",
    "hold": "    assert metrics('errors') == 1",
    "exit-0": "    os._exit(0)",
    "killed": "    os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("end", WORKERS_ENDS)
def test_a_forked_worker_ends_as_a_new_one(project, both, end):
    """What its controller makes of it, to the last word."""
    project.gate(f"def test_gate(metrics):\n{WORKERS_ENDS[end]}\n", head=HEAD)

    fork, new = both("-n", "1", "--max-worker-restart", "0")

    assert fork == new


def test_a_forked_worker_sees_what_a_new_one_sees(project, both):
    """Modules of its own, the controller's paths and folder, and no file of anybody else."""
    body = SEEN.replace("print(str(seen))", "print(str(seen), file=open('seen', 'a'))")
    body = body.replace("sys.__stdin__.read()", "sorted(vars(sys.modules['__main__']))")
    body = body.replace('sys.modules["__main__"].__spec__.name', "sys.__stdout__.write_through")
    body = body.replace('sys.modules["__main__"].__file__', "sys.__stderr__.write_through")
    project.gate(body, head=HEAD)

    # The readline library of a controller tells new workers how large the screen is.
    both("-n", "1", "-s", env={"SHOP": "open", "COLUMNS": "80", "LINES": "24"})

    seen = (project.folder / "seen").read_text("utf-8").splitlines()
    fork, new = ([CHANGES.sub("…", line) for line in half] for half in (seen[: len(seen) // 2], seen[len(seen) // 2 :]))
    assert "('SHOP', 'open')" in "".join(new)
    assert fork == new


def test_what_an_interpreter_decides_when_it_starts_is_not_asked_of_a_fork(warm):
    """Such a run is a new interpreter, whoever asks for it."""
    here = warm._env

    assert warm.can_run(here | {"COLUMNS": "70", "CI": "true"})
    for name in ("PYTHONOPTIMIZE", "PYTHONPATH", "LC_ALL", "LD_PRELOAD", "TZ"):
        assert not warm.can_run(here | {name: "1"}), name
        assert not warm.can_run(
            {key: value for key, value in (here | {name: "1"}).items() if key != name} | {name: "2"}
        )


def test_a_run_that_takes_too_long_is_ended(project, warm):
    """As `subprocess.run` does it."""
    project.gate("def test_gate(metrics):\n    import time\n    time.sleep(60)\n")
    project.lock()
    words = ("gates", "-m", "phase1", "--rollout-env", "test", "-s")

    with pytest.raises(subprocess.TimeoutExpired):
        warm.run("pytest", words, cwd=project.folder, env=warm._env, timeout=4)

    project.gate("def test_gate(metrics):\n    assert metrics('errors') == 0\n")
    project.run().proceeds()
