"""A program that prints a number: real programs, well and badly behaved."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pytest_rollout.errors import SourceError
from pytest_rollout.sources import command
from pytest_rollout.sources.command import CommandSource
from pytest_rollout.sources.protocol import Question

SECRET = "hunter2-5e1f"


@pytest.fixture
def program(tmp_path, at):
    """Python code as a program, run at the run's instant."""

    def program(code, *arguments, **variables):
        argv = (sys.executable, "-I", "-S", "-c", code, *arguments)
        return CommandSource(argv, tmp_path, variables, now=lambda: at)

    return program


def alive(pid):
    """Whether a process is still there; one that ended and waits to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("printed", "query", "values"),
    [
        ("42", "@", [42.0]),
        ("42\n", "@", [42.0]),
        ('{"a": {"b": 1.5}}', "a.b", [1.5]),
        ('{"a": [1, 2]}', "sum(a)", [3.0]),
        ('{"a": [1, 2]}', "a", [1.0, 2.0]),
        ('{"a": null}', "a", []),
        ("[]", "@", []),
    ],
)
def test_what_it_prints_is_json(ask, program, at, printed, query, values):
    """A number, or a document that the query selects from; taken now."""
    answer = ask(program(f"print({printed!r}, end='')"), query)

    assert [(sample.value, sample.at) for sample in answer.samples] == [(value, at) for value in values]
    assert (answer.body, answer.status) == (printed, "0")


def test_a_number_may_bring_its_time(ask, program):
    """An old figure that says so is old."""
    answer = ask(program("""print('{"n": 3, "t": "2026-11-07T08:00:00Z"}')"""), "{value: n, at: t}")

    assert answer.samples[0].at == datetime(2026, 11, 7, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "query", "says"),
    [
        ("raise SystemExit(3)", "@", "exit code 3, and it does not say why"),
        ("import sys; print(5); sys.exit('database\\n  is on fire')", "@", "exit code 1: database"),
        ("print('no such table'); raise SystemExit(2)", "@", "exit code 2: no such table"),
        ("import os; os.kill(os.getpid(), 9)", "@", "ended by signal 9"),
        ("import os; print(5, flush=True); os.kill(os.getpid(), 15)", "@", "ended by signal 15"),
        ("pass", "@", "the answer is empty"),
        ("print('five')", "@", "not sound JSON"),
        ("print('5 6')", "@", "not sound JSON"),
        ("print('true')", "@", "True is true or false"),
        ("print('\"5\"')", "@", "'5' is not a number"),
        ('print(\'{"a": 1, "a": 2}\')', "a", "the key 'a' is there twice"),
        ("print('1e999')", "@", "too large"),
        ("print('<html>')", "@", "HTML"),
        ("print('[' * 100000)", "@", "nested too deeply"),
        ("import sys; sys.stdout.buffer.write(b'\\xff')", "@", "not UTF-8"),
        ("print('{\"a\": 1}')", "a[", "JMESPath 'a['"),
        ("print('{\"a\": 1}')", "@", "select a number"),
        ("print(5)", "", "JMESPath ''"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "@", "says more than 5 MiB"),
        ("import os\nwhile True: os.write(2, b'x' * 65536)", "@", "says more than 5 MiB"),
        ("import time; time.sleep(60)", "@", "no answer within 0.5 s; it was ended"),
        ("import os, time; print(5, flush=True); os.close(1); os.close(2); time.sleep(60)", "@", "no answer within"),
        ("import signal, time\nsignal.signal(15, signal.SIG_IGN); time.sleep(60)", "@", "no answer within"),
    ],
)
def test_whatever_it_does_is_no_number(ask, program, code, query, says):
    """Failing, hanging, talking, printing something else: one sentence, in time."""
    seconds = 0.5 if "no answer" in says else 20.0
    started = time.monotonic()

    with pytest.raises(SourceError) as caught:
        ask(program(code), query, timeout_seconds=seconds)

    assert time.monotonic() - started < 40
    assert says in str(caught.value)
    assert str(caught.value).startswith("command '")


def test_what_it_started_is_ended_with_it(ask, program, tmp_path):
    """A child in the background neither outlives the deadline nor keeps the pipe open behind a program that ended."""
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-I', '-S', '-c', {child!r}])\n"
        f"pid = {str(tmp_path / 'pid')!r}\n"
        "while not (os.path.exists(pid) and open(pid).read()): time.sleep(.01)\n"
    )

    with pytest.raises(SourceError, match="no answer within"):
        ask(program(code + "time.sleep(60)"), "@", timeout_seconds=2.0)
    hung = int((tmp_path / "pid").read_text())
    (tmp_path / "pid").unlink()
    answer = ask(program(code + "print(5)"), "@", timeout_seconds=20.0)
    left = int((tmp_path / "pid").read_text())

    assert answer.samples[0].value == 5
    give_up = time.monotonic() + 10
    while (alive(hung) or alive(left)) and time.monotonic() < give_up:
        time.sleep(0.01)
    assert (alive(hung), alive(left)) == (False, False)


def test_it_gets_little_of_our_environment(ask, program, monkeypatch):
    """What CI keeps in variables is not for every program; what the plan names is."""
    monkeypatch.setenv("CI_TOKEN", SECRET)
    monkeypatch.setenv("LANG", "C.UTF-8")
    code = "import json, os; print(json.dumps({'names': sorted(os.environ), 'n': len(os.environ)}))"

    answer = ask(program(code, LIMIT="5"), "n")

    names = set(__import__("json").loads(answer.body)["names"]) - {"LC_CTYPE", "PWD", "SHLVL", "_"}
    assert names == {"LIMIT", *({"PATH", "HOME", "LANG"} & set(os.environ))}


def test_a_secret_it_echoes(ask, program):
    """Neither the message nor the evidence repeats a value of `env`."""
    with pytest.raises(SourceError) as caught:
        ask(program("import os, sys; sys.exit('bad token ' + os.environ['TOKEN'])", TOKEN=SECRET), "@")
    source = program("import json, os; print(json.dumps({'n': 1, 'you': os.environ['TOKEN']}))", TOKEN=SECRET)

    assert "exit code 1: bad token ***" in str(caught.value)
    assert SECRET not in ask(source, "n").body
    assert SECRET not in repr(source)


def test_no_shell_and_nothing_to_read(ask, program):
    """Arguments arrive as they are written, and the input is empty."""
    code = "import json, sys; print(json.dumps({'n': len(sys.stdin.read()), 'a': sys.argv[1:]}))"

    answer = ask(program(code, "$(touch x)", "; touch y", "*", "{at}s"), "n")

    assert answer.samples[0].value == 0
    assert '["$(touch x)", "; touch y", "*", "{at}s"]' in answer.body


def test_it_runs_in_the_folder_of_the_plan(ask, tmp_path, at):
    """And a relative program is found there."""
    (tmp_path / "figures.sh").write_text("#!/bin/sh\necho 7\n")
    (tmp_path / "figures.sh").chmod(0o755)

    assert ask(CommandSource(("./figures.sh",), tmp_path, now=lambda: at), "@").samples[0].value == 7


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("./none",), "No such file"),
        (("no-program-of-this-name",), "No such file"),
        (("./text",), "Permission denied"),
        ((".",), "Permission denied"),
    ],
)
def test_a_program_that_cannot_be_started(ask, tmp_path, at, argv, says):
    """It is one sentence."""
    (tmp_path / "text").write_text("5")

    with pytest.raises(SourceError, match=f"cannot be started: {says}"):
        ask(CommandSource(argv, tmp_path, now=lambda: at), "@")


def test_times_stand_as_whole_arguments(program, at):
    """A program that takes the time can be asked about the past, one that does not cannot."""
    past = at - timedelta(days=3)
    code = "import json, sys; print(json.dumps([{'value': 1, 'at': sys.argv[1]}]))"

    answer = program(code, "{at}").ask(Question(query="@", at=past))

    assert answer.samples[0].at == past
    assert "2026-11-04T09:00:00Z" in answer.body
    with pytest.raises(SourceError, match="answers for now only"):
        program("print(5)").ask(Question(query="@", at=past))


def test_a_series(program, at):
    """A program that takes `{start}` gives the samples of the window, in their order."""
    code = (
        "import json, sys\n"
        "assert sys.argv[1:] == ['2026-11-07T08:00:00Z', '2026-11-07T09:00:00Z'], sys.argv\n"
        "print(json.dumps([{'value': m, 'at': f'2026-11-07T{h:02}:{m:02}:00Z'} for h, m in "
        "[(9, 0), (8, 30), (8, 0), (8, 1), (9, 1)]]))"
    )
    hour = {"start": at - timedelta(hours=1), "at": at}

    samples = program(code, "{start}", "{at}").ask(Question(query="@", **hour)).samples

    assert [sample.value for sample in samples] == [1, 30, 0]
    for code, arguments, says in (
        ("print([1, 2])", ("{start}",), "needs the time of each number"),
        ('print(\'[{"value": 1, "at": 9}, {"value": 2, "at": 9}]\')', ("{start}",), "each once"),
        ("print(5)", (), "has no series"),
    ):
        with pytest.raises(SourceError, match=says):
            program(code, *arguments).ask(Question(query="@", **hour))
    with pytest.raises(SourceError, match="has no histogram"):
        program("print(5)", "{start}").ask(Question(query="@", buckets=True, **hour))


def test_many_threads(ask, program):
    """Each question is a process of its own, and none leaves a descriptor open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: ask(program(f"print({i})"), "@", timeout_seconds=60), range(12)))

    assert [answer.samples[0].value for answer in answers] == list(range(12))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not [thread for thread in threading.enumerate() if thread.name == "pytest-rollout-answer"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "option 'run' is a list"),
        ({"run": "ls -l"}, "no shell reads it"),
        ({"run": []}, "option 'run' is a list"),
        ({"run": {"a": "b"}}, "option 'run' is a list"),
        ({"run": ["sleep", 5]}, "one is 5"),
        ({"run": [" "]}, "names no program"),
        ({"run": ["a\0b"]}, "option 'run'"),
        ({"run": ["a"], "env": "TOKEN"}, "option 'env' is a mapping"),
        ({"run": ["a"], "env": {"TOKEN": 5}}, "'TOKEN' is no variable"),
        ({"run": ["a"], "env": {"A=B": SECRET}}, "'A=B' is no variable"),
    ],
)
def test_options_that_cannot_be_meant(options, says):
    """Opening refuses them, and repeats no secret."""
    with pytest.raises(SourceError) as caught:
        command.KIND.open(options, Path())

    assert says in str(caught.value)
    assert SECRET not in str(caught.value)
