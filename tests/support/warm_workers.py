"""Warm workers: the workers of pytest-xdist as forks of the run that wants them, as it was before it began.

A worker that is started anew reads all modules again, and there are two of
them in most runs that have any. So a nursery is forked off a run before it
has done anything, and pytest-xdist's gateways ask it for their processes.
Such a worker is a process of its own: its pipes, its environment and its end
are real, and its controller hears of its death by the end of the pipe.

It is used by the server of `support.warm` alone, in whose folder it is found.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import types
from collections.abc import Sequence
from pathlib import Path

_LARGEST = 1 << 20


def wanted(words: Sequence[str]) -> bool:
    """Whether the arguments of a run ask for workers."""
    return any(word in {"-n", "--numprocesses", "--tx"} for word in words)


def is_worker() -> bool:
    """Let workers of this run be forks of it as it is now; True in each of those, when it has done its work."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork():
        theirs.close()
        _ask_for_workers(ours)
        return False
    ours.close()
    request = _fork_workers(theirs)
    _become(request)
    return True


def _fork_workers(link: socket.socket) -> dict:
    """The nursery: fork at each request, until the run is over; returns in each worker with its request."""
    while True:
        request, ends, _, _ = socket.recv_fds(link, _LARGEST, 2)
        if not request:
            os._exit(0)
        child = os.fork()
        if not child:
            link.close()
            for number, end in enumerate(ends):
                os.dup2(end, number)
                os.close(end)
            return json.loads(request)
        for end in ends:
            os.close(end)
        link.send(str(child).encode())  # never waited for, so that its number stays its own until the run is over


def _become(request: dict) -> None:
    """Be `python -u -c "import sys;exec(eval(sys.stdin.readline()))"`, which is how execnet starts a worker."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[:], sys.path[0] = ["-c"], ""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(write_through=True)
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__annotations__ = {}
    exec(eval(sys.stdin.readline()), main.__dict__)


def _ask_for_workers(link: socket.socket) -> None:
    """Have execnet ask the nursery where it would start an interpreter like this one."""
    import execnet.gateway_io
    import xdist.plugin
    from execnet.gateway_base import Popen2IO

    class Worker(Popen2IO):
        """What execnet keeps of a process that it has started."""

        def __init__(self, execmodel) -> None:
            (its_in, our_out), (our_in, its_out) = os.pipe(), os.pipe()
            request = {"cwd": str(Path.cwd()), "env": {**os.environ}}
            socket.send_fds(link, [json.dumps(request).encode()], [its_in, its_out])
            self._process = os.pidfd_open(int(link.recv(_LARGEST)))
            for end in (its_in, its_out):
                os.close(end)
            super().__init__(os.fdopen(our_out, "wb"), os.fdopen(our_in, "rb", 0), execmodel)

        def wait(self) -> None:
            """Until it has ended."""
            select.select([self._process], [], [])

        def kill(self) -> None:
            """End it."""
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    start = execnet.gateway_io.create_io

    def create_io(spec, execmodel):
        return Worker(execmodel) if spec.popen and not spec.python else start(spec, execmodel)

    execnet.gateway_io.create_io = create_io
    xdist.plugin._sys_path[:] = sys.path  # what workers are told: how it was when the interpreter began
